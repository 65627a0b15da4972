// The gate of a packed file by numbers: how many decisions and how much of the score may be lost, and the way below the dense
// model.
import { describe, expect, it } from 'vitest';
import type { Task } from '../../src/data/example.js';
import { dropFailure, gateFailure, leastAgreement } from '../../src/export/pack-gate.js';
import { madeUpExamples, twoClasses } from '../support/training.js';

/** Agreement on `count` examples of dev of which `others` are decided otherwise, with accuracies in hits. */
function judged(count: number, others: number, hits: readonly [expected: number, found: number] = [0, 0]) {
  const [expected, found] = hits.map((of) => ({ accuracy: of / count }));
  const agreement = { examples: count, agreement: (count - others) / count, largestDifference: 0 };
  return { ...agreement, task: twoClasses, dev: madeUpExamples(count), expected, found };
}

describe('the gate', () => {
  it('is 99.5 % of the decisions, and 97 % of coarse forms', () => {
    expect(leastAgreement({ values: 'int8', embeddings: 'int8' })).toBe(0.995);
    expect(leastAgreement({ values: 'f16', embeddings: 'f32' })).toBe(0.995);
    expect(leastAgreement({ values: 'codebook', embeddings: 'int8' })).toBe(0.97);
    expect(leastAgreement({ values: 'int8', embeddings: '4bit' })).toBe(0.97);
    expect(gateFailure(judged(1000, 5), 0.995)).toBeUndefined();
    expect(gateFailure(judged(1000, 6), 0.995)).toBe(
      '99.40 % of 1000 examples are decided as by the model, expected at least 99.5 %',
    );
  });

  it.each([20, 100, 150])(
    'of %i examples two may always be decided otherwise, and cost their score',
    (count) => {
      expect(gateFailure(judged(count, 2, [count, count - 2]), 0.995)).toBeUndefined();
      expect(gateFailure(judged(count, 3), 0.995)).toMatch(/expected at least 99.5 %$/);
    },
  );

  it('is 0.3 points of the score too, more where more decisions may change', () => {
    expect(gateFailure(judged(1000, 5, [900, 897]), 0.995)).toBeUndefined();
    expect(gateFailure(judged(1000, 4, [900, 896]), 0.995)).toBe(
      'accuracy is 89.60 and that of the float32 model 90.00, expected at most 0.30 points less',
    );
    expect(gateFailure(judged(1000, 25, [900, 882]), 0.97)).toBeUndefined();
    expect(gateFailure(judged(1000, 25, [900, 881]), 0.97)).toMatch(/at most 1.80 points less/);
    expect(gateFailure(judged(1000, 5, [900, 905]), 0.995)).toBeUndefined(); // better is no loss
  });

  it('of random ids is 80 % of the decisions', () => {
    const random = (agreement: number) => ({ examples: 512, agreement, largestDifference: 0 });
    expect(gateFailure(random(0.81), 0.995)).toBeUndefined();
    expect(gateFailure(random(0.79), 0.995)).toMatch(/79.00 % of 512 .* at least 80 %/);
  });
});

it('a drop below the dense model is counted in points of the main score, and names both', () => {
  const task: Task = { ...twoClasses, metrics: ['f1', 'accuracy'] };
  const dense = { f1: 0.9, accuracy: 0.5 };
  const drop = (f1: number, most: number) =>
    dropFailure(task, dense, { what: 'it', scores: { f1, accuracy: 0 }, most });
  expect(drop(0.89, 1)).toBeUndefined();
  expect(drop(0.95, 0)).toBeUndefined();
  expect(drop(0.889, 1)).toBe(
    'it: f1 is 88.90 and that of the dense model 90.00, 1.10 points less, expected at most 1 (--max-drop)',
  );
});
