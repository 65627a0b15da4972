// What a stage minimises: where its batches come from and which loss it builds on the encoder. Independent of the
// methods, so that every method works with every objective.
import type { Example } from '../data/example.js';
import type { FeedArray } from '../engine/session.js';
import type { Node } from '../graph/node.js';
import type { LossTerm, PassBatch } from '../methods/method.js';
import type { BucketShape, Builder } from '../models/builder.js';
import type { Model } from '../models/model.js';

/** One training batch of static shape with everything the objective's inputs need. */
export interface TrainingBatch extends PassBatch {
  readonly bucket: BucketShape;
  readonly examples: readonly Example[];
  /** Arrays by input name, without `row_scale`, which the loop makes from `rowWeights`. */
  readonly feeds: ReadonlyMap<string, FeedArray>;
  /** [rows]: 0 for padding. */
  readonly rowWeights: Float32Array;
  split(): readonly TrainingBatch[];
}

export interface ObjectiveOutput {
  readonly terms: readonly LossTerm[];
  /** Named results of the forward pass: what evaluation fetches. */
  readonly outputs: ReadonlyMap<string, Node>;
  /** What separates these results from a teacher's, whose own `teacher` gives by name: terms of weight 1. */
  distilled(teacher: (output: string) => Node, options: DistillationOptions): readonly LossTerm[];
}

export interface DistillationOptions {
  readonly temperature: number;
  /** Which positions of masked language modelling are compared: all that are not padding, or the masked ones. */
  readonly positions: 'all' | 'masked';
}

export interface Objective {
  readonly name: string;
  readonly stepsPerEpoch: number;
  /** Passes per step at most; gradients accumulate over them. */
  readonly microBatches: number;
  /** Largest bucket any batch uses: memory is planned for it. */
  readonly largestBucket: BucketShape;
  /** The micro-batches of a step: a pure function of the step, so that resuming needs no cursor. */
  batches(step: number): readonly TrainingBatch[];
  /** The loss over `rowScale` [rows, 1]: the weight of each row over the sum of the step's weights. */
  build(b: Builder, model: Model, rowScale: Node): ObjectiveOutput;
}
