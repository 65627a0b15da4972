// Order statistics against sorting, and the mask rule of magnitude pruning by hand and against sorting.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { magnitudeMask } from '../../src/methods/magnitude-mask.js';
import { kthSmallest } from '../../src/methods/ranking.js';
import { zeroFraction } from '../../src/engine/pattern.js';

/** Non-negative floats of every scale, many of them equal, with zero, subnormals and infinity. */
const score = fc.oneof(
  fc.float({ min: 0, noNaN: true }),
  fc.constantFrom(0, 2 ** -149, 2 ** -126, 0.5, 1, 3.5, Infinity),
  fc.integer({ min: 0, max: 4 }),
);
const scores = fc.array(fc.array(score, { maxLength: 40 }), { minLength: 1, maxLength: 3 });

describe('kthSmallest', () => {
  it('is what sorting gives, over several arrays', () => {
    fc.assert(
      fc.property(scores, fc.nat(), (lists, place) => {
        const sorted = Float32Array.from(lists.flat()).sort();
        fc.pre(sorted.length > 0);
        const k = 1 + (place % sorted.length);
        expect(
          kthSmallest(
            lists.map((list) => Float32Array.from(list)),
            k,
          ),
        ).toBe(sorted[k - 1]);
      }),
    );
  });

  it('reads views that begin within a buffer', () => {
    expect(kthSmallest([new Float32Array(Float32Array.of(9, 3, 1, 2).buffer, 4)], 3)).toBe(3);
  });

  it.each([0, 3, NaN])('refuses k = %d of 2', (k) => {
    expect(() => kthSmallest([Float32Array.of(1, 2)], k)).toThrow(RangeError);
  });
});

const maskOf = (weights: readonly number[], sparsity: number): number[] => {
  const mask = new Uint8Array(weights.length).fill(7);
  magnitudeMask(Float32Array.from(weights), sparsity, mask);
  return [...mask];
};

describe('magnitudeMask', () => {
  it('keeps what is strictly greater than the floor(s n)-th smallest magnitude', () => {
    expect(maskOf([0.5, -0.1, 0.3, -0.4], 0.5)).toEqual([1, 0, 0, 1]);
    expect(maskOf([0.5, -0.1, 0.3, -0.4], 0.74)).toEqual([1, 0, 0, 1]);
    expect(maskOf([0.5, -0.1, 0.3, -0.4], 0.75)).toEqual([1, 0, 0, 0]);
  });

  it('keeps everything while not one weight is due', () => {
    expect(maskOf([0, 1, 2], 0.33)).toEqual([1, 1, 1]);
    expect(maskOf([0, 1, 2], 0)).toEqual([1, 1, 1]);
  });

  it('prunes all ties at the threshold', () => {
    expect(maskOf([1, -1, 1, 2], 0.25)).toEqual([0, 0, 0, 1]);
    expect(maskOf([1, 1], 0.5)).toEqual([0, 0]);
  });

  it('prunes floor(s n) weights when all differ, the smallest ones', () => {
    const distinct = fc.uniqueArray(fc.float({ min: -8, max: 8, noNaN: true }), {
      minLength: 1,
      maxLength: 60,
      selector: Math.abs,
    });
    fc.assert(
      fc.property(distinct, fc.double({ min: 0, max: 0.99, noNaN: true }), (weights, sparsity) => {
        const mask = maskOf(weights, sparsity);
        const kept = weights.filter((_, i) => mask[i] === 1).map(Math.abs);
        const pruned = weights.filter((_, i) => mask[i] === 0).map(Math.abs);
        expect(pruned.length).toBe(Math.floor(sparsity * weights.length));
        expect(Math.max(-1, ...pruned)).toBeLessThan(Math.min(Infinity, ...kept));
      }),
    );
  });
});

describe('zeroFraction', () => {
  it('counts zeros of both signs over all arrays', () => {
    expect(zeroFraction([Float32Array.of(0, -0, 1), Float32Array.of(2)])).toBe(0.5);
    expect(zeroFraction([])).toBe(0);
  });
});
