// Classification and regression of one or two sentences: cross-entropy or squared error over the pooled output.
import { epochBatches, makeBatch } from '../data/batches.js';
import type { Batch, Example, Padding, Task } from '../data/example.js';
import type { Node } from '../graph/node.js';
import { logSoftmax, mul, neg, reduceSum, sub } from '../graph/ops/index.js';
import { input } from '../graph/program.js';
import type { BucketShape, Builder } from '../models/builder.js';
import { headLogits } from '../models/layer-mix.js';
import type { Model } from '../models/model.js';
import { distillationLoss } from './distillation-loss.js';
import { encoderFeeds, encoderInputs } from './encoder-batch.js';
import { memoizeLast } from './memoize-last.js';
import type { Objective, ObjectiveOutput, TrainingBatch } from './objective.js';
import type { TrainingSettings } from './settings.js';

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
    build: (b, model, rowScale) => taskLoss(b, model, task, rowScale),
  };
}

function taskBatch(
  task: Task,
  examples: readonly Example[],
  bucket: BucketShape,
  padding: Padding,
): TrainingBatch {
  const batch = makeBatch(examples, bucket.rows, bucket.length, padding);
  const feeds = encoderFeeds(batch);
  feeds.set('targets', targets(task, batch));
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

/** One-hot rows [rows, classes], or values [rows, 1]. */
function targets(task: Task, { rows, examples }: Batch): Float32Array {
  const width = task.labels.length;
  const values = new Float32Array(rows * width);
  for (const [row, { label }] of examples.entries()) {
    if (task.kind === 'regression') values[row] = label;
    else values[row * width + label] = 1;
  }
  return values;
}

/** Logits [rows, labels] of a model with a classification head. */
export const taskLogits = (b: Builder, model: Model): Node => headLogits(b, model, encoderInputs(b.bucket));

function taskLoss(b: Builder, model: Model, task: Task, rowScale: Node): ObjectiveOutput {
  const logits = taskLogits(b, model);
  const wanted = input('targets', [b.bucket.rows, task.labels.length]);
  const perRow =
    task.kind === 'regression'
      ? mul(sub(logits, wanted), sub(logits, wanted))
      : neg(reduceSum(mul(logSoftmax(logits), wanted), [1], true));
  return {
    terms: [{ name: 'task', weight: 1, node: reduceSum(mul(perRow, rowScale)) }],
    outputs: new Map([['logits', logits]]),
    distilled(teacher, { temperature }) {
      const target = teacher('logits');
      const apart =
        task.kind === 'regression'
          ? mul(sub(logits, target), sub(logits, target))
          : distillationLoss(logits, target, temperature);
      return [{ name: 'distil', weight: 1, node: reduceSum(mul(apart, rowScale)) }];
    },
  };
}
