// Summaries against NumPy and SciPy (scripts/metrics_goldens.py).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { mean, median, standardDeviation, standardError } from '../../src/train/statistics.js';

const fixture = z
  .object({
    statistics: z.array(
      z.object({
        values: z.array(z.number()),
        mean: z.number(),
        median: z.number(),
        standardDeviation: z.number().nullable(),
        standardError: z.number().nullable(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/metrics.json', import.meta.url), 'utf8')));

describe('statistics', () => {
  it.each(fixture.statistics)('of $values: equal to NumPy and SciPy', (golden) => {
    expect(mean(golden.values)).toBeCloseTo(golden.mean, 12);
    expect(median(golden.values)).toBe(golden.median);
    for (const [actual, oracle] of [
      [standardDeviation(golden.values), golden.standardDeviation],
      [standardError(golden.values), golden.standardError],
    ] as const) {
      if (oracle === null) expect(actual).toBeNaN();
      else expect(actual).toBeCloseTo(oracle, 12);
    }
  });

  it('leaves the values in their order', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it.each([mean, median, standardDeviation, standardError])('%o refuses no values', (summary) => {
    expect(() => summary([])).toThrow('expected at least one value, found none');
  });
});
