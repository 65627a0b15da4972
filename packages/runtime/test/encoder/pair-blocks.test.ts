// Pairs of blocks: every block once, and no pair whose sums could leave 16 bits.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { eachPair, LOOK_AHEAD, NO_BLOCK } from '../../src/encoder/pair-blocks.js';
import { LARGEST_SUM } from '../../src/kernels/int8-layout.js';

const rows = fc.array(fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: -127, max: 127 }))), {
  maxLength: 12,
});

const pairsOf = (values: Int8Array, start: number, end: number): [number, number][] => {
  const pairs: [number, number][] = [];
  eachPair(values, start, end, LARGEST_SUM, (...pair) => pairs.push(pair));
  return pairs;
};

it('holds for random rows', () => {
  fc.assert(
    fc.property(rows, fc.nat(3), (blocks, start) => {
      const values = Int8Array.from([...Array<number>(4 * start).fill(127), ...blocks.flat()]);
      const pairs = pairsOf(values, start, start + blocks.length);
      const visited = pairs.flat().filter((block) => block !== NO_BLOCK);
      expect(visited.toSorted((a, b) => a - b)).toEqual(blocks.map((_, i) => start + i));
      for (const pair of pairs) {
        for (const half of [0, 2]) {
          const weights = pair
            .filter((block) => block !== NO_BLOCK)
            .flatMap((block) => [...values.subarray(4 * block + half, 4 * block + half + 2)]);
          // The activations that make the sum largest and smallest.
          const most = weights.reduce((sum, weight) => sum + 127 * Math.max(0, weight), 0);
          const least = weights.reduce((sum, weight) => sum + 127 * Math.min(0, weight), 0);
          expect(most).toBeLessThan(2 ** 15);
          expect(least).toBeGreaterThanOrEqual(-(2 ** 15));
        }
      }
    }),
  );
});

it('adds blocks that fit, positive and negative values each, and the rest to zeros', () => {
  const values = Int8Array.of(
    ...[127, 127, 0, 0],
    ...[5, -127, 0, 0], // 127 + 127 + 5 is too much
    ...[-127, -127, 127, 127],
    ...[0, 0, 2, 3], // as above, with the second block's neighbour
    ...[4, -4, 4, 0],
  );
  expect(pairsOf(values, 0, 5)).toEqual([
    [0, 2],
    [1, 3],
    [4, NO_BLOCK],
  ]);
  expect(pairsOf(values.subarray(8), 0, 2)).toEqual([
    [0, NO_BLOCK],
    [1, NO_BLOCK],
  ]);
});

it('looks no further than it says', () => {
  const large = [127, 127, 127, 127];
  const values = (between: number): Int8Array =>
    Int8Array.from([
      ...Array<number[]>(between + 1)
        .fill(large)
        .flat(),
      1,
      1,
      1,
      1,
    ]);
  expect(pairsOf(values(LOOK_AHEAD - 2), 0, LOOK_AHEAD)[0]).toEqual([0, LOOK_AHEAD - 1]);
  expect(pairsOf(values(LOOK_AHEAD - 1), 0, LOOK_AHEAD + 1)[0]).toEqual([0, NO_BLOCK]);
});
