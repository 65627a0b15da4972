// Which of the int8 forms a level uses: weights and activations are laid out as its kernels want them.
import type { Kernel, Level } from './kernel.js';
import type { INT8_PARAMS } from './int8-row.js';
import { quantiseInt8, quantiseInt8Pairs, quantiseQuads, quantiseQuadsWide } from './quantise-int8.js';
import { LARGEST_SUM, spmmInt8 } from './spmm-int8.js';
import { spmmInt8Dot } from './spmm-int8-dot.js';
import { spmmInt8Pairs } from './spmm-int8-pairs.js';
import { spmmQuads } from './spmm-quads.js';
import { spmmQuadsDot } from './spmm-quads-dot.js';
import { spmmQuadsWide } from './spmm-quads-wide.js';

type Spmm = Kernel<typeof INT8_PARAMS>;

export interface Int8Form {
  readonly quantise: typeof quantiseInt8;
  readonly spmm: Spmm;
  /** Of single values, four together. */
  readonly quantiseQuads: typeof quantiseQuads;
  readonly spmmQuads: Spmm;
  /** Whether values are i16 instead of i8. */
  readonly wide: boolean;
  /** Most that weights of one sign may add up to, in the sums of products that are made of two blocks. */
  readonly largestSum: number;
}

/** More than any blocks have. */
const ANY = 4 * 127;

const BYTES = { quantise: quantiseInt8, spmm: spmmInt8, quantiseQuads, spmmQuads, wide: false };

const FORMS: Readonly<Record<Level, Int8Form>> = {
  dot: { ...BYTES, spmm: spmmInt8Dot, spmmQuads: spmmQuadsDot, largestSum: ANY },
  relaxed: { ...BYTES, largestSum: LARGEST_SUM },
  simd: {
    ...{ quantise: quantiseInt8Pairs, spmm: spmmInt8Pairs },
    ...{ quantiseQuads: quantiseQuadsWide, spmmQuads: spmmQuadsWide, wide: true, largestSum: ANY },
  },
  scalar: { ...BYTES, largestSum: ANY },
};

export const int8Form = (level: Level): Int8Form => FORMS[level];
