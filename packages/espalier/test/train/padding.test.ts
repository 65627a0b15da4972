// Static shapes change nothing: padded rows, padded tokens, a larger bucket, and a batch in micro-batches give the
// loss and the gradients of the batch as it is.
import { beforeAll, describe, expect, it } from 'vitest';
import { makeBatch } from '../../src/data/batches.js';
import type { Padding } from '../../src/data/example.js';
import type { BucketShape } from '../../src/models/builder.js';
import { padSideOf } from '../../src/models/families.js';
import type { Objective, TrainingBatch } from '../../src/train/objective.js';
import { encoderFeeds } from '../../src/train/encoder-batch.js';
import { taskObjective } from '../../src/train/task-objective.js';
import {
  firstStep,
  type Gradients,
  madeUpExamples,
  type MadeUpRun,
  randomModel,
  recorder,
  relativeError,
  settingsOf,
  trainerOf,
  twoClasses,
} from '../support/training.js';

const examples = madeUpExamples(6);
const exact: BucketShape = { rows: 6, length: Math.max(...examples.map(({ ids }) => ids.length)) };

/** The made-up task with batches of the given shapes; each holds `rows` examples at most. */
function objectiveOf(
  shapes: readonly (BucketShape & { readonly take: number })[],
  padding: Padding,
): Objective {
  const made = taskObjective({ task: twoClasses, examples, settings: settingsOf(), seed: 1, ...padding });
  let taken = 0;
  const batches = shapes.map(({ take, ...bucket }): TrainingBatch => {
    const part = examples.slice(taken, (taken += take));
    const batch = makeBatch(part, bucket.rows, bucket.length, padding);
    const targets = new Float32Array(bucket.rows * 2);
    for (const [row, { label }] of part.entries()) targets[row * 2 + label] = 1;
    const feeds = new Map([...encoderFeeds(batch), ['targets', targets]] as const);
    return {
      rows: bucket.rows,
      bucket,
      examples: part,
      feeds,
      rowWeights: batch.rowWeights,
      split: () => [],
    };
  });
  const largestBucket = {
    rows: Math.max(...shapes.map(({ rows }) => rows)),
    length: Math.max(...shapes.map(({ length }) => length)),
  };
  return { ...made, microBatches: shapes.length, largestBucket, batches: () => batches };
}

const stepOf = (run: MadeUpRun): ReturnType<typeof firstStep> => firstStep({ settings: { clip: 0 }, ...run });

describe.each(['bert', 'xlnet'])('the loss and the gradients of a batch of %s', (family) => {
  const model = randomModel({ model_type: family, classifier_dropout: 0 });
  const padSide = padSideOf(model.config);
  let expected: { loss: number; gradients: Gradients };
  beforeAll(async () => {
    expected = await stepOf({
      model,
      objective: objectiveOf([{ ...exact, take: 6 }], { padId: 0, padSide }),
    });
  });

  it.each([
    ['padded rows', [{ ...exact, rows: 9, take: 6 }], 0],
    ['padded tokens', [{ ...exact, length: 16, take: 6 }], 0],
    ['a larger bucket with another padding id', [{ rows: 11, length: 29, take: 6 }], 7],
    [
      'micro-batches',
      [
        { ...exact, rows: 2, take: 2 },
        { ...exact, rows: 2, take: 2 },
        { ...exact, rows: 2, take: 2 },
      ],
      0,
    ],
    ['no padding', examples.map(({ ids }) => ({ rows: 1, length: ids.length, take: 1 })), 0],
    [
      'micro-batches of several sizes, padded',
      [
        { rows: 4, length: 12, take: 1 },
        { rows: 5, length: 16, take: 5 },
      ],
      0,
    ],
  ])('are the same with %s', async (_title, shapes, padId) => {
    const found = await stepOf({ model, objective: objectiveOf(shapes, { padId, padSide }) });
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(1e-6);
    expect(relativeError(found.gradients, expected.gradients)).toBeLessThan(1e-6);
  });

  it('are the same in the micro-batches of the task, the last one short', async () => {
    const settings = { batchSize: 6, clip: 0 };
    const whole = await stepOf({ model, examples, settings });
    const parts = await stepOf({ model, examples, settings: { ...settings, microBatchSize: 4 } });
    expect(Math.abs(whole.loss - expected.loss)).toBeLessThan(1e-6);
    expect(relativeError(parts.gradients, whole.gradients)).toBeLessThan(1e-6);
  });
});

describe('a step', () => {
  it('finds nothing of the gradients of the step before', async () => {
    const settings = { batchSize: 6, clip: 0, lr: 1e-30, decay: 0 }; // weights stay as they are
    const { method, gradients } = recorder();
    const trainer = trainerOf({ examples, settings, methods: [method] });
    await trainer.step();
    const first = new Map(gradients);
    await trainer.step();
    await trainer.release();
    expect(relativeError(gradients, first)).toBeLessThan(1e-6);
  });
});
