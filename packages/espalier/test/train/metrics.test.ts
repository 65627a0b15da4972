// Scores against scikit-learn, SciPy and exact arithmetic (scripts/metrics_goldens.py), and what must hold for
// any predictions.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { LabelMetricName, Task } from '../../src/data/example.js';
import { EspalierError } from '../../src/errors.js';
import { accuracy, f1, majority, matthews, pearson, scoreTask, spearman } from '../../src/train/metrics.js';

const numbers = z.array(z.number());
const fixture = z
  .object({
    classification: z.array(
      z.object({
        name: z.string(),
        predictions: numbers,
        labels: numbers,
        accuracy: z.number(),
        matthews: z.number(),
        f1: z.number().optional(),
        majority: z.object({ accuracy: z.number(), f1: z.number().optional() }),
      }),
    ),
    regression: z.array(
      z.object({
        name: z.string(),
        predictions: numbers,
        labels: numbers,
        pearson: z.number().nullable(),
        spearman: z.number().nullable(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/metrics.json', import.meta.url), 'utf8')));

function expectEqual(actual: number, oracle: number): void {
  expect(Math.abs(actual - oracle), `${actual} against ${oracle}`).toBeLessThanOrEqual(1e-12);
}

describe('scores of classes', () => {
  it.each(fixture.classification)('$name: equal to scikit-learn', (golden) => {
    const { predictions, labels } = golden;
    expectEqual(accuracy(predictions, labels), golden.accuracy);
    expectEqual(matthews(predictions, labels), golden.matthews);
    expectEqual(majority(labels, 'accuracy'), golden.majority.accuracy);
    expect(majority(labels, 'matthews')).toBe(0);
    if (golden.f1 === undefined || golden.majority.f1 === undefined) {
      expect(() => f1(predictions, labels)).toThrow('f1: expected a class index of 0 to 1');
    } else {
      expectEqual(f1(predictions, labels), golden.f1);
      expectEqual(majority(labels, 'f1'), golden.majority.f1);
    }
  });

  it('counts without loss on a set as large as QQP', () => {
    const labels = new Uint8Array(400_000).map((_, i) => (i % 3 === 0 ? 1 : 0));
    const predictions = labels.map((label, i) => (i % 10 === 0 ? 1 - label : label));
    // Confusion counts by construction; Matthews by the two-class formula (Matthews 1975).
    const count = (p: number, l: number) =>
      labels.filter((label, i) => label === l && predictions[i] === p).length;
    const [tp, fp, fn, tn] = [count(1, 1), count(1, 0), count(0, 1), count(0, 0)];
    const roots = [tp + fp, tp + fn, tn + fp, tn + fn]
      .map(Math.sqrt)
      .reduce((product, root) => product * root);
    expectEqual(matthews(predictions, labels), (tp * tn - fp * fn) / roots);
    expectEqual(accuracy(predictions, labels), 0.9);
  });
});

describe('scores of values', () => {
  it.each(fixture.regression)('$name: equal to SciPy, and 0 where it says NaN', (golden) => {
    const { predictions, labels } = golden;
    expectEqual(pearson(predictions, labels), golden.pearson ?? 0);
    expectEqual(spearman(predictions, labels), golden.spearman ?? 0);
    expect(majority(labels, 'pearson')).toBe(0);
    expect(majority(labels, 'spearman')).toBe(0);
  });
});

const classPairs = fc.array(fc.tuple(fc.nat(4), fc.nat(4)), { minLength: 1, maxLength: 60 });
const valuePairs = fc.array(fc.tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: -99, max: 99 })), {
  minLength: 1,
  maxLength: 60,
});
const split = (pairs: [number, number][]) => ({
  predictions: pairs.map(([prediction]) => prediction),
  labels: pairs.map(([, label]) => label),
});

describe('what holds for any predictions', () => {
  it('correlations are symmetric and between -1 and 1', () => {
    fc.assert(
      fc.property(valuePairs, (pairs) => {
        const { predictions, labels } = split(pairs);
        for (const score of [pearson, spearman]) {
          const value = score(predictions, labels);
          expect(Math.abs(value)).toBeLessThanOrEqual(1);
          expectEqual(score(labels, predictions), value);
        }
      }),
    );
  });

  it('spearman sees only the order', () => {
    fc.assert(
      fc.property(valuePairs, (pairs) => {
        const { predictions, labels } = split(pairs);
        const bent = predictions.map((value) => value ** 3 + value);
        expectEqual(spearman(bent, labels), spearman(predictions, labels));
      }),
    );
  });

  it('matthews does not depend on the numbers of the classes', () => {
    fc.assert(
      fc.property(classPairs, (pairs) => {
        const { predictions, labels } = split(pairs);
        const renamed = (values: number[]) => values.map((value) => (value * 3 + 1) % 5);
        expectEqual(matthews(renamed(predictions), renamed(labels)), matthews(predictions, labels));
      }),
    );
  });

  it('no constant guess beats the majority score in accuracy', () => {
    fc.assert(
      fc.property(classPairs, fc.nat(4), (pairs, guess) => {
        const { labels } = split(pairs);
        expect(accuracy(new Uint8Array(labels.length).fill(guess), labels)).toBeLessThanOrEqual(
          majority(labels, 'accuracy'),
        );
      }),
    );
  });
});

describe('refusals', () => {
  const scores = { accuracy, f1, matthews, pearson, spearman };

  it.each(Object.keys(scores) as LabelMetricName[])('%s of no or unequal examples', (name) => {
    expect(() => scores[name]([], [])).toThrow(EspalierError);
    expect(() => scores[name]([], [])).toThrow(`${name}: expected at least one example, found none`);
    expect(() => scores[name]([1], [1, 0])).toThrow(
      `${name}: expected one prediction per label (2), found 1`,
    );
    expect(() => majority([], name)).toThrow(`${name}: expected at least one example, found none`);
  });

  it('a value that is no class, or not finite', () => {
    expect(() => f1([0, 2], [0, 1])).toThrow('f1: expected a class index of 0 to 1, found prediction 2 at 1');
    expect(() => matthews([0, 1], [0, -1])).toThrow(
      'matthews: expected a class index of 0 or more, found label -1 at 1',
    );
    expect(() => matthews([0, Number.NaN], [0, 1])).toThrow('found prediction NaN at 1');
    expect(() => pearson([0, Number.NaN], [0, 1])).toThrow(
      'pearson: expected finite predictions, found NaN at 1',
    );
    expect(() => spearman([0, 1], [0, Number.POSITIVE_INFINITY])).toThrow(
      'expected finite labels, found Infinity',
    );
  });
});

describe('scoreTask', () => {
  const pairs: Task = {
    name: 'mrpc',
    kind: 'classification',
    labels: ['different', 'equivalent'],
    metrics: ['f1', 'accuracy'],
  };

  it('reports the metrics of the task and the majority score of the main one', () => {
    expect(scoreTask(pairs, [1, 0, 1, 1], [1, 1, 0, 1])).toEqual({
      f1: 2 / 3,
      accuracy: 0.5,
      majority: 6 / 7,
    });
    const similarity: Task = { name: 'stsb', kind: 'regression', labels: ['score'], metrics: ['pearson'] };
    expect(scoreTask(similarity, [1.5, 2, 2.5], [0, 2, 4])).toEqual({ pearson: 1, majority: 0 });
  });

  it('refuses a class the task does not have, a task without metrics, and no examples', () => {
    expect(() => scoreTask({ ...pairs, metrics: ['accuracy'] }, [1, 2], [1, 1])).toThrow(
      'mrpc: expected a class index of 0 to 1, found prediction 2 at 1',
    );
    expect(() => scoreTask({ ...pairs, metrics: [] }, [1], [1])).toThrow(
      'mrpc: expected at least one metric',
    );
    expect(() => scoreTask(pairs, [], [])).toThrow('mrpc: expected at least one example');
  });
});
