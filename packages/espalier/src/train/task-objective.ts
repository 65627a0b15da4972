// Training on a labelled task: classes or values of one or two sentences, or answer spans.
import { epochBatches, makeBatch } from '../data/batches.js';
import type { Example, Padding, Task } from '../data/example.js';
import type { Node } from '../graph/node.js';
import type { BucketShape, Builder } from '../models/builder.js';
import { headLogits } from '../models/task-head.js';
import type { Model } from '../models/model.js';
import { encoderFeeds, encoderInputs } from './encoder-batch.js';
import { memoizeLast } from './memoize-last.js';
import type { Objective, TrainingBatch } from './objective.js';
import type { TrainingSettings } from './settings.js';
import { lossOf } from './task-loss.js';

export interface TaskObjectiveOptions extends Padding {
  readonly task: Task;
  readonly examples: readonly Example[];
  readonly settings: TrainingSettings;
  readonly seed: number;
}

export function taskObjective(options: TaskObjectiveOptions): Objective {
  const { task, examples, settings, seed } = options;
  const { batchSize, maxLength } = settings;
  const microBatchSize = Math.min(settings.microBatchSize ?? batchSize, batchSize);
  const stepsPerEpoch = Math.ceil(examples.length / batchSize);
  const order = memoizeLast((epoch: number) =>
    epochBatches({ examples, batchSize, seed, epoch, maxLength, shuffle: true }),
  );

  return {
    name: task.name,
    stepsPerEpoch,
    microBatches: Math.ceil(batchSize / microBatchSize),
    // Every epoch holds every example, so the longest one decides the largest bucket.
    largestBucket: { rows: microBatchSize, length: Math.max(...order(0).map(({ length }) => length)) },
    batches(step) {
      const { indices, length } = order(Math.floor(step / stepsPerEpoch))[step % stepsPerEpoch]!;
      const chosen = indices.map((index) => examples[index]!);
      const micro: TrainingBatch[] = [];
      for (let start = 0; start < chosen.length; start += microBatchSize) {
        const part = chosen.slice(start, start + microBatchSize);
        micro.push(taskBatch(task, part, { rows: microBatchSize, length }, options));
      }
      return micro;
    },
    build: (b, model, rowScale) => lossOf(task).loss(taskLogits(b, model), task, rowScale),
  };
}

function taskBatch(
  task: Task,
  examples: readonly Example[],
  bucket: BucketShape,
  padding: Padding,
): TrainingBatch {
  const batch = makeBatch(examples, bucket.rows, bucket.length, padding);
  const feeds = new Map([...encoderFeeds(batch), ...lossOf(task).feeds(task, batch)]);
  return {
    rows: bucket.rows,
    bucket,
    examples,
    feeds,
    rowWeights: batch.rowWeights,
    split: () =>
      examples.map((example) => taskBatch(task, [example], { rows: 1, length: bucket.length }, padding)),
  };
}

/** Logits of a model by the head it has: [rows, labels], or of answer spans [rows, 2, length]. */
export const taskLogits = (b: Builder, model: Model): Node => headLogits(b, model, encoderInputs(b.bucket));
