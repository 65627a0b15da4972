// Learning-rate rewinding: the golden factors of Prune Once for All's schedule, and where it goes back.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { rewindFactor } from '../../src/train/schedules.js';

describe('rewindFactor', () => {
  const options = { steps: 100_000, warmup: 1000, start: 0, end: 50_000, interval: 1000 };

  it.each([
    [0, 0],
    [500, 0.5],
    [1000, 1.020408],
    [1500, 1.010204],
    [1999, 1.00002],
    [2000, 1.020408],
    [49_999, 1.00002],
    [50_000, 1.020408],
    [75_000, 0.510204],
    [100_000, 0],
  ])('at step %i is %f', (step, expected) => {
    expect(Number(rewindFactor(step, options).toFixed(6))).toBe(expected);
  });

  it('before a later window decays as after it: from step 0, over the steps outside', () => {
    const later = { ...options, start: 20_000, end: 60_000 };
    expect(rewindFactor(10_000, later)).toBeCloseTo((60_000 - 10_000) / 59_000, 12);
    expect(rewindFactor(19_999, later) - rewindFactor(20_000, later)).toBeCloseTo(1 / 59_000, 12);
    expect(rewindFactor(20_500, later)).toBeCloseTo((60_000 - 20_500) / 59_000, 12);
    expect(rewindFactor(59_999, later)).toBeCloseTo((60_000 - 20_999) / 59_000, 12);
    expect(rewindFactor(60_000, later)).toBeCloseTo(40_000 / 59_000, 12);
  });

  it('is never negative nor beyond its peak, and repeats in the window', () => {
    const stage = fc
      .record({
        steps: fc.integer({ min: 1, max: 300 }),
        warmup: fc.nat(40),
        start: fc.nat(150),
        width: fc.nat(150),
        interval: fc.integer({ min: 1, max: 50 }),
      })
      .filter(({ steps, warmup, start, width }) => start + width <= steps && steps - width > warmup);
    fc.assert(
      fc.property(stage, ({ width, ...rest }) => {
        const all = { ...rest, end: rest.start + width };
        const outside = all.steps - width;
        const peak = Math.max(1, outside / (outside - all.warmup));
        for (let step = 0; step < all.steps; step++) {
          const factor = rewindFactor(step, all);
          if (!(factor >= 0 && factor <= peak)) return false;
          const again = step + all.interval;
          if (step >= all.start && step >= all.warmup && again < all.end)
            expect(rewindFactor(again, all)).toBe(factor);
        }
        return true;
      }),
    );
  });

  it('says when window and warm-up leave nothing', () => {
    expect(() => rewindFactor(0, { steps: 10, warmup: 2, start: 1, end: 9, interval: 1 })).toThrow(
      UsageError,
    );
    expect(() => rewindFactor(0, { steps: 10, warmup: 1, start: 1, end: 9, interval: 1 })).not.toThrow();
  });
});
