// How weights of int8 layers stand for the kernels of a level (int8.ts).
import type { Level } from './kernel.js';

export interface Int8Layout {
  /** Whether values are i16 instead of i8. */
  readonly wide: boolean;
  /** Most that weights of one sign may add up to, in the sums of products that are made of two blocks. */
  readonly largestSum: number;
}

/** 127 times it is still an i16. */
export const LARGEST_SUM = 258;

/** More than any blocks have. */
const ANY = 4 * 127;

export const int8Layout = (level: Level): Int8Layout => ({
  wide: level === 'simd',
  largestSum: level === 'relaxed' ? LARGEST_SUM : ANY,
});
