// Which of the int8 forms a level uses: weights and activations are laid out as its kernel wants them.
import type { Kernel, Level } from './kernel.js';
import type { INT8_PARAMS } from './int8-row.js';
import { quantiseInt8, quantiseInt8Pairs } from './quantise-int8.js';
import { LARGEST_SUM, spmmInt8 } from './spmm-int8.js';
import { spmmInt8Dot } from './spmm-int8-dot.js';
import { spmmInt8Pairs } from './spmm-int8-pairs.js';

export interface Int8Form {
  readonly quantise: typeof quantiseInt8;
  readonly spmm: Kernel<typeof INT8_PARAMS>;
  /** Whether values are i16 instead of i8. */
  readonly wide: boolean;
  /** Most that weights of one sign may add up to, in the sums of products that are made of two blocks. */
  readonly largestSum: number;
}

/** More than any blocks have. */
const ANY = 4 * 127;

const FORMS: Readonly<Record<Level, Int8Form>> = {
  dot: { quantise: quantiseInt8, spmm: spmmInt8Dot, wide: false, largestSum: ANY },
  relaxed: { quantise: quantiseInt8, spmm: spmmInt8, wide: false, largestSum: LARGEST_SUM },
  simd: { quantise: quantiseInt8Pairs, spmm: spmmInt8Pairs, wide: true, largestSum: ANY },
  scalar: { quantise: quantiseInt8, spmm: spmmInt8, wide: false, largestSum: ANY },
};

export const int8Form = (level: Level): Int8Form => FORMS[level];
