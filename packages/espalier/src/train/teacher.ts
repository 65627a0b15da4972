// A frozen teacher: what a student is compared with. Dropout is off and nothing of it is trained.
import type { Example, Task } from '../data/example.js';
import type { BucketShape } from '../models/builder.js';
import type { TrainingBatch } from './objective.js';
import type { Predictor } from './predictor.js';
import { lossOf } from './task-loss.js';

export interface TeacherSource {
  /** Weights that the student's loss reads, by name: fed as they are. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Shape of an output in a bucket, or of a weight. Throws when there is none of that name. */
  shape(name: string, bucket: BucketShape): readonly number[];
  /** Writes the outputs for a batch into the arrays of `targets`, by name. */
  fill(batch: TrainingBatch, targets: ReadonlyMap<string, Float32Array>): void | Promise<void>;
  release(): Promise<void>;
}

/**
 * The teacher of a task: its logits are computed once per example, in a fixed order and before training, so that
 * they do not depend on where a run was interrupted.
 */
export async function teacherLogits(
  predictor: Predictor,
  examples: readonly Example[],
  task: Task,
): Promise<TeacherSource> {
  const rows = await predictor.logits(examples);
  const byIndex = new Map(examples.map(({ index }, position) => [index, rows[position]!]));
  return {
    weights: new Map(),
    shape: (name, bucket) => {
      if (name !== 'logits') throw new Error(`the teacher of a task has no "${name}"`);
      return lossOf(task).teacherShape(task, bucket);
    },
    fill(batch, targets) {
      const logits = batch.examples.map(({ index }) => byIndex.get(index)!);
      lossOf(task).fillTeacher(targets.get('logits')!, logits, batch);
    },
    release: () => Promise.resolve(),
  };
}
