// Blocks of 1x4 in the order in which the int8 kernel adds them, two at a time.
import { MOST_TOGETHER } from '../kernels/spmm-int8.js';

/** Place of a block of zeros. */
export const NO_BLOCK = -1;

const magnitude = (values: Int8Array, at: number): number =>
  Math.abs(values[at]!) + Math.abs(values[at + 1]!);

/** Whether two blocks can be added together: the kernel sums the first two products of both, and the last two. */
const fit = (values: Int8Array, a: number, b: number): boolean =>
  [0, 2].every((half) => magnitude(values, 4 * a + half) + magnitude(values, 4 * b + half) <= MOST_TOGETHER);

/** Calls `visit` with the blocks of a row, from `start` to `end`, in pairs: the next two, or one with a block of zeros. */
export function eachPair(
  values: Int8Array,
  start: number,
  end: number,
  visit: (first: number, second: number) => void,
): void {
  for (let block = start; block < end; block++) {
    if (block + 1 < end && fit(values, block, block + 1)) visit(block, ++block);
    else visit(block, NO_BLOCK);
  }
}
