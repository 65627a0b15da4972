// Which of the two int8 forms a level uses: their weights and activations are laid out differently.
import type { Kernel, Level } from './kernel.js';
import type { INT8_PARAMS } from './int8-row.js';
import { quantiseInt8, quantiseInt8Pairs } from './quantise-int8.js';
import { spmmInt8 } from './spmm-int8.js';
import { spmmInt8Pairs } from './spmm-int8-pairs.js';

export interface Int8Form {
  readonly quantise: typeof quantiseInt8;
  readonly spmm: Kernel<typeof INT8_PARAMS>;
  /** Whether values are i16 instead of i8. */
  readonly wide: boolean;
}

const BYTES: Int8Form = { quantise: quantiseInt8, spmm: spmmInt8, wide: false };
const PAIRS: Int8Form = { quantise: quantiseInt8Pairs, spmm: spmmInt8Pairs, wide: true };

export const int8Form = (level: Level): Int8Form => (level === 'simd' ? PAIRS : BYTES);
