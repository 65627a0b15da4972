// What a kind of task adds to the training of an encoder with a head: its inputs, its loss over the head's logits, and
// where a teacher's logits stand.
import type { Batch, Task } from '../data/example.js';
import type { Node } from '../graph/node.js';
import type { BucketShape } from '../models/builder.js';
import { labelLoss } from './label-loss.js';
import type { ObjectiveOutput, TrainingBatch } from './objective.js';
import { spanLoss } from './span-loss.js';

export interface TaskLoss {
  /** Arrays of the inputs that the loss reads, by name. */
  feeds(task: Task, batch: Batch): ReadonlyMap<string, Float32Array>;
  /** The loss over `logits` as the head gives them; `rowScale` [rows, 1] as in `Objective.build`. */
  loss(logits: Node, task: Task, rowScale: Node): ObjectiveOutput;
  /** Shape of a teacher's logits in a bucket. */
  teacherShape(task: Task, bucket: BucketShape): readonly number[];
  /** Writes those of a batch's examples; the other rows have no weight. */
  fillTeacher(target: Float32Array, logits: readonly Float32Array[], batch: TrainingBatch): void;
}

const LOSSES: Readonly<Record<Task['kind'], TaskLoss>> = {
  classification: labelLoss,
  regression: labelLoss,
  span: spanLoss,
};

export const lossOf = ({ kind }: Task): TaskLoss => LOSSES[kind];
