// A trainer: one stage over one parameter store. It sets the stage up (declarations, memory, sessions, see the stage-*
// files) and makes its steps: gradients (step-gradients.ts), clip, the fused update (updates.ts), the methods' hooks.
import type { Device } from '../engine/devices.js';
import { estimateBytes } from '../engine/plan.js';
import { EspalierError } from '../errors.js';
import type { MethodHooks, StageContext, StepContext, TensorInfo, UpdatePlan } from '../methods/method.js';
import type { BucketShape } from '../models/builder.js';
import type { Model } from '../models/model.js';
import { boundArrays, presentFeed } from './bindings.js';
import { createDeclarations, type Declarations } from './declarations.js';
import type { ForwardSource } from './forward.js';
import { buildGraph, type BuiltGraph } from './graph.js';
import type { Objective } from './objective.js';
import { createPasses } from './pass.js';
import type { TrainingSettings } from './settings.js';
import { createStage, stepContext } from './stage.js';
import { allocateStage, fillStore, modelOver, tensorSpec } from './stage-memory.js';
import { createStageSessions } from './stage-sessions.js';
import { stepGradients } from './step-gradients.js';
import type { TeacherSource } from './teacher.js';
import { restoreState, takeState, type TrainerState } from './trainer-state.js';
import { applyUpdate, clipFactor, planUpdate, stageRate } from './updates.js';

export interface TrainerOptions {
  readonly model: Model;
  readonly objective: Objective;
  readonly methods: readonly MethodHooks[];
  readonly settings: TrainingSettings;
  readonly steps: number;
  readonly seed: number;
  readonly threads: number;
  readonly device: Device;
  readonly teacher?: TeacherSource | undefined;
  readonly note?: ((message: string) => void) | undefined;
  /** Default: `note`. */
  readonly warn?: ((message: string) => void) | undefined;
}

export interface StepResult {
  /** 1-based number of the step just done. */
  readonly step: number;
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly gradNorm: number;
  readonly rate: number;
  /** Values methods reported at this step. */
  readonly reported: Readonly<Record<string, number>>;
  /** Milliseconds in sessions, in the fused pass (scatter, norm, update), and in all. */
  readonly milliseconds: { readonly session: number; readonly pass: number; readonly total: number };
}

export interface Trainer {
  readonly stage: StageContext;
  readonly declarations: Declarations;
  /** Steps done so far. */
  readonly done: number;
  /** Bytes of the parameter store. */
  readonly storeBytes: number;
  step(): Promise<StepResult>;
  /** Runs the methods' `afterStage` hooks; returns what they reported. */
  finishStage(): Promise<Readonly<Record<string, number>>>;
  state(): TrainerState;
  restore(state: TrainerState): void;
  /** Present weights by name: live views. */
  weight(name: string): Float32Array;
  /** The forward pass as the methods want it seen, over the present weights. */
  readonly forward: ForwardSource;
  /** The model with its present weights, copied. */
  snapshot(): Model;
  release(): Promise<void>;
}

export function createTrainer(options: TrainerOptions): Trainer {
  // No closure below may name `options`: its model is the caller's to let go.
  const { objective, methods, settings, steps, seed, threads, device, teacher, note, warn = note } = options;
  const { largestBucket, microBatches } = objective;
  // Scales of the model that comes in do not hold for the one that goes out.
  let model: Model = { ...options.model, quantisation: undefined };
  const declarations = createDeclarations();
  const variants = [...new Set(methods.flatMap((method) => method.variants ?? []))];
  if (variants.length === 0) variants.push('');
  const graphOf = (
    bucket: BucketShape,
    variant: string,
    { hooks = methods, training = true } = {},
  ): BuiltGraph =>
    buildGraph({
      ...{ model, objective, methods: hooks, declarations, bucket, variant, training },
      teacherShape: teacher && ((name, of) => teacher.shape(name, of)),
    });

  const { weights } = graphOf(largestBucket, variants[0]!, { hooks: [] });
  const stage = createStage({
    config: model.config,
    tensors: weights.map((name) => ({ name, shape: model.tensors.get(name)!.shape, group: 'model' })),
    declarations,
    steps,
    seed,
    rateAt: stageRate(settings, steps, methods),
    note,
    warn,
  });
  const { context } = stage;
  const { tensors } = context;
  for (const method of methods) method.declare?.(context);
  const largest = variants.map((variant) => graphOf(largestBucket, variant));

  const trained = tensors.filter(({ name }) => !declarations.frozen.has(name));
  const trainedNames = trained.map(({ name }) => name);
  const maskedNames = trainedNames.filter((name) => declarations.masks.has(name));
  const planOf = (step: StepContext, tensor: TensorInfo): UpdatePlan =>
    planUpdate(step, tensor, settings, methods);
  const first = stepContext(context, 0);
  const specs = tensors.map((tensor) =>
    tensorSpec(tensor, declarations, () => planOf(first, tensor), microBatches > 1),
  );
  const { store, arena } = allocateStage(specs, largest, note);
  stage.store = store;
  fillStore(store, tensors, declarations, model);
  // From here on the weights are the store's alone: a caller that lets its model go frees the memory.
  model = modelOver(store, model);
  for (const method of methods) method.begin?.(context);

  const sessions = createStageSessions(
    (bucket, variant) => graphOf(bucket, variant),
    (graph, session) => boundArrays(graph, session, store, declarations, teacher),
    { threads, device, arena },
  );
  const passes = createPasses({ stage: context, declarations, sessions, teacher, trained: trainedNames });
  let done = 0;

  return {
    stage: context,
    declarations,
    storeBytes: estimateBytes(store.plan),
    get done() {
      return done;
    },
    async step() {
      const begun = performance.now();
      const clock = { session: 0, pass: 0 };
      stage.reported = {};
      const step = stepContext(context, done);
      const variant = methods.reduce((seen, method) => method.variant?.(done) ?? seen, variants[0]!);
      const gradients = { methods, passes, variant, trained: trainedNames };
      const { loss, terms } = await stepGradients(step, objective.batches(done), gradients, clock);
      const started = performance.now();
      store.maskGradient(maskedNames); // before the norm: a product with the mask would give no gradient either
      const norm = store.norm(trainedNames);
      const factor = clipFactor(norm, settings.clip);
      if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
        throw new EspalierError(
          `training diverged at step ${done + 1}: loss ${loss}, gradient norm ${norm} at learning rate ` +
            `${step.rateAt(done).toPrecision(3)}; try a lower --lr or more --warmup`,
        );
      }
      for (const tensor of trained) {
        applyUpdate(store, tensor, planOf(step, tensor), settings, done + 1, factor);
        passes.cleared(tensor.name);
      }
      clock.pass += performance.now() - started;
      for (const method of methods) await method.afterStep?.(step);
      done++;
      return {
        step: done,
        loss,
        terms,
        gradNorm: norm,
        rate: step.rateAt(done - 1),
        reported: stage.reported,
        milliseconds: { ...clock, total: performance.now() - begun },
      };
    },
    async finishStage() {
      stage.reported = {};
      for (const method of methods) await method.afterStage?.(context);
      return stage.reported;
    },
    state: () => takeState(done, context, declarations),
    restore(state) {
      restoreState(state, context, declarations);
      done = state.step;
    },
    weight: (name) => store.view(name, 'weight'),
    forward: {
      outputs: (bucket) => graphOf(bucket, variants[0]!, { training: false }).outputs,
      feed: (input) => presentFeed(input, store, declarations, Math.max(0, done - 1)),
    },
    snapshot: () => ({
      ...model,
      tensors: new Map(
        [...model.tensors].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]),
      ),
    }),
    release: () => sessions.release(),
  };
}
