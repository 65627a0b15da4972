// The seam between the training loop and compression methods. A method is a plain object of optional hooks; the
// hooks of several methods compose in recipe order. Whatever a method declares through a context is allocated,
// fed, updated and checkpointed by the loop.
import type { z } from 'zod';
import type { Example } from '../data/example.js';
import type { Device } from '../engine/devices.js';
import type { Store } from '../engine/store.js';
import type { Node } from '../graph/node.js';
import type { BucketShape } from '../models/builder.js';
import type { Model } from '../models/model.js';
import type { ObjectiveOutput } from '../train/objective.js';

/** Where a default comes from. `unconfirmed`: the paper does not say, or was not read; `ours`: our own choice. */
export type Provenance = 'paper' | 'code' | 'unconfirmed' | 'ours';

export interface Method<Options = unknown> {
  readonly name: string;
  readonly title: string;
  readonly paper: string;
  /** Schema with defaults; every option has a description. */
  readonly options: z.ZodType<Options>;
  readonly provenance: Readonly<Record<string, Provenance>>;
  /** The hooks for one stage. `options` are already validated. */
  create(options: Options): MethodHooks;
}

export interface MethodHooks {
  /**
   * What becomes of zeros in the encoder's matrices: those that a model comes with are kept, or the method makes its own
   * as it trains, or it cuts whole groups and lets other zeros go. Default: nothing holds them.
   */
  readonly zeros?: 'kept' | 'made' | 'cut';
  /** Throws UsageError where the method cannot act on the model. Asked before anything is trained or written. */
  check?(model: Model): void;
  /** Surgery before training: another model. Runs again on a resume, to the same result. */
  prepare?(model: Model, context: PrepareContext): Model | Promise<Model>;
  /** Declarations that do not depend on a graph; runs once, before `build`. */
  declare?(stage: StageContext): void;
  /** First use of the store: masks from weights, states. On resume the checkpoint then replaces what it wrote. */
  begin?(stage: StageContext): void;
  /** Runs once per graph. Declarations with names already known must repeat them unchanged. */
  build?(graph: GraphContext): GraphHooks;
  /** Names of the graphs this method alternates between; default one. */
  readonly variants?: readonly string[];
  /** Which of them step `step` uses. */
  variant?(step: number): string;
  /** How gradients are obtained; default `pass(batch)`. Calls may nest over several methods. */
  gradients?(step: StepContext, batch: PassBatch, pass: Pass): Promise<PassResult>;
  /** Changes the plan of the fused optimiser pass for one tensor. */
  update?(step: StepContext, tensor: TensorInfo, plan: UpdatePlan): UpdatePlan;
  /**
   * Replaces the schedule: the factor of the peak rate at 0-based `step`; `warmup` is in steps. One method of a stage
   * may have it.
   */
  rateFactor?(step: number, options: { readonly steps: number; readonly warmup: number }): number;
  /** Rare host work after the update: recompute a mask, reweight. */
  afterStep?(step: StepContext): void | Promise<void>;
  /**
   * Whether the weights after `done` of `steps` steps are what the method aims at: the best weights of a stage are
   * chosen among these. Default: always.
   */
  onTarget?(done: number, steps: number): boolean;
  /** Host work when the stage's last step is done, before `finish`: close a gap, fix a mask. */
  afterStage?(stage: StageContext): void | Promise<void>;
  /** Bake: what is returned is an ordinary model whose zeros are exact zeros. */
  finish?(model: Model, stage: StageContext): Model | Promise<Model>;
}

/** What surgery may read beside the model, and where it says what it did. */
export interface PrepareContext {
  /** At most `count` examples that are not trained on, the same for every run of a seed. Their labels are not to be read. */
  sample(count: number): Sample;
  readonly threads: number;
  readonly device: Device;
  /** A line for the user. */
  note(message: string): void;
  /** Lists for the report, by name. */
  report(lists: Readonly<Record<string, readonly number[]>>): void;
}

export interface Sample {
  readonly examples: readonly Example[];
  readonly padId: number;
}

export interface TensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  /** 'model' for the model's own tensors, otherwise the group named in `parameter`. */
  readonly group: string;
}

/** What the fused pass does with one tensor. Rates already include the schedule. */
export interface UpdatePlan {
  readonly rule: 'adamw' | 'sgd';
  readonly rate: number;
  readonly decay: number;
  /** SGD only. */
  readonly momentum: number;
  /** Subtracted from every entry after the rule: a linear penalty. */
  readonly shift: number;
  /** Proximal threshold (0: none), times the tensor's `factor` slot where it has one. */
  readonly threshold: number;
  /** Divide the threshold by Adam's denominator: the proximal step in Adam's own metric. */
  readonly perCoordinate: boolean;
  /** The threshold shrinks 1x4 blocks (engine/blocks.ts) instead of single weights; the tensor has a `factor` slot. */
  readonly blocks: boolean;
}

/** Small JSON state of a method; checkpointed. */
export interface MethodState<T> {
  value: T;
}

/** What a method knows of the stage it runs in. Store access is valid once training has begun. */
export interface StageContext {
  readonly steps: number;
  readonly seed: number;
  /** Default prunable set of the family: its encoder linear matrices. */
  readonly encoderLinear: RegExp;
  /** The wider set of Prune Once for All: every linear layer outside the heads. */
  readonly prunedLinear: RegExp;
  /** The model's tensors that are trained or kept, in name order. */
  readonly tensors: readonly TensorInfo[];
  readonly store: Store;
  /** Tensors whose name matches get a byte mask, all ones at first; it is applied after every update. */
  mask(names: readonly string[]): void;
  /**
   * These tensors get a mask under which pruned entries live on: the update trains slot `dense` with the masked
   * gradient, so what is pruned drifts by momentum and decay, and `weight` is dense * mask, which everything else sees.
   */
  regrow(names: readonly string[]): void;
  /** Tensors whose name matches get a factor per weight for proximal thresholds, all ones at first. */
  factor(names: readonly string[]): void;
  /** Matching tensors get no gradient and no moments. */
  freeze(names: readonly string[]): void;
  /** A new trainable tensor, outside the model. Its data starts as `init`. */
  parameter(name: string, shape: readonly number[], init: () => Float32Array, group: string): void;
  state<T>(name: string, init: T): MethodState<T>;
  /** Present value of a tensor that a graph of this stage carries. */
  carry(name: string): Float32Array;
  /** The learning rate of each step of the stage, schedule included. */
  rateAt(step: number): number;
  /** A line for the user. */
  note(message: string): void;
  /** One that "--quiet" leaves. */
  warn(message: string): void;
  /** Numbers for the report and metrics.jsonl, by name. */
  report(values: Readonly<Record<string, number>>): void;
}

export interface StepContext extends StageContext {
  /** 0-based step of the stage. */
  readonly step: number;
}

export interface LossTerm {
  readonly name: string;
  readonly weight: number;
  /** Scalar node. */
  readonly node: Node;
}

/** What a method sees while a graph is built. */
export interface GraphContext {
  readonly bucket: BucketShape;
  readonly variant: string;
  /** False for evaluation graphs: hooks shape the same forward pass, without randomness or new losses. */
  readonly training: boolean;
  /** Node of a declared parameter. */
  parameter(name: string): Node;
  /**
   * A small tensor that is fed, fetched and fed again: `node` is its present value; `next` says what it becomes
   * after a training step.
   */
  carry(
    name: string,
    shape: readonly number[],
    init: () => Float32Array,
  ): { node: Node; next(node: Node): void };
  /** A value per step: schedules never rebuild a graph. In evaluation graphs the last step's value holds. */
  feed(name: string, shape: readonly number[], value: (step: number) => ArrayLike<number>): Node;
  /** Random values from the counter-based generator, fresh at every training step. */
  random(name: string, shape: readonly number[], kind: 'uniform' | 'normal'): Node;
  /** An output or a weight of the frozen teacher, by name ('logits'). Throws when the stage has no teacher. */
  teacher(output: string): Node;
  /** Weight of each row, [rows, 1]: 0 for padding, otherwise 1 / (sum of the step's weights). */
  readonly rowScale: Node;
}

export interface GraphHooks {
  /**
   * What the forward pass sees instead of a weight. For tables `node` holds the gathered rows; `restrict` cuts a
   * tensor of the weight's own shape to the part the graph sees.
   */
  weight?(node: Node, name: string, restrict: (tensor: Node) => Node): Node;
  activation?(node: Node, site: string): Node;
  /** The named, weighted terms of the loss, which a method may add to or rescale; `built` is what they came with. */
  loss?(terms: readonly LossTerm[], built: ObjectiveOutput): readonly LossTerm[];
}

/** A batch as the gradient hook sees it. */
export interface PassBatch {
  readonly rows: number;
  /** One batch per example, for methods that treat examples apart. */
  split(): readonly PassBatch[];
}

/** What counts for the log is what the outermost `gradients` hook returns. */
export interface PassResult {
  readonly loss: number;
  /** The terms that make it up, by name. */
  readonly terms?: Readonly<Record<string, number>>;
}

/** Forward and backward over a batch: gradients are left in the store's `grad` slots, replacing what was there. */
export type Pass = (batch: PassBatch) => Promise<PassResult>;
