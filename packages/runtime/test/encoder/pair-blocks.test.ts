// Pairs of blocks: every block once, in order, and no pair whose sums could leave 16 bits.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { eachPair, NO_BLOCK } from '../../src/encoder/pair-blocks.js';
import { MOST_TOGETHER } from '../../src/kernels/spmm-int8.js';

const rows = fc.array(fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: -127, max: 127 }))), {
  maxLength: 12,
});

it('holds for random rows', () => {
  fc.assert(
    fc.property(rows, fc.nat(3), (blocks, start) => {
      const values = Int8Array.from([...Array<number>(4 * start).fill(127), ...blocks.flat()]);
      const pairs: [number, number][] = [];
      eachPair(values, start, start + blocks.length, (...pair) => pairs.push(pair));
      expect(pairs.flat().filter((block) => block !== NO_BLOCK)).toEqual(blocks.map((_, i) => start + i));
      for (const pair of pairs) {
        const sum = (half: number): number =>
          pair
            .filter((block) => block !== NO_BLOCK)
            .reduce(
              (all, block) =>
                all + Math.abs(values[4 * block + half]!) + Math.abs(values[4 * block + half + 1]!),
              0,
            );
        expect(Math.max(sum(0), sum(2))).toBeLessThanOrEqual(MOST_TOGETHER);
      }
    }),
  );
});

it('adds two small blocks together, and a large one to zeros', () => {
  const values = Int8Array.of(
    ...[64, 64, 0, 0],
    ...[65, 65, 1, 1],
    ...[127, 127, 0, 0],
    ...[3, 2, 0, 0],
    ...[1, 1, 1, 1],
  );
  const pairs: [number, number][] = [];
  eachPair(values, 0, 5, (...pair) => pairs.push(pair));
  expect(pairs).toEqual([
    [0, 1],
    [2, NO_BLOCK],
    [3, 4],
  ]);
});
