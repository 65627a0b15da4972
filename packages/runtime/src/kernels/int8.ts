// Which int8 kernels a level has: weights (int8-layout.ts) and activations are laid out as they want them.
import { attentionDot, attentionInt8, attentionInt8Pairs } from './attention-int8.js';
import type { Kernel, Level } from './kernel.js';
import type { INT8_PARAMS } from './int8-row.js';
import {
  quantiseByteValues,
  quantiseByteValuesWide,
  quantiseKeys,
  quantiseKeysWide,
  quantiseQueries,
  quantiseQueriesWide,
} from './quantise-heads.js';
import { quantiseInt8, quantiseInt8Pairs, quantiseQuads, quantiseQuadsWide } from './quantise-layers.js';
import { spmmInt8 } from './spmm-int8.js';
import { spmmInt8Dot } from './spmm-int8-dot.js';
import { spmmInt8Pairs } from './spmm-int8-pairs.js';
import { spmmQuads } from './spmm-quads.js';
import { spmmQuadsDot } from './spmm-quads-dot.js';
import { spmmQuadsWide } from './spmm-quads-wide.js';

type Spmm = Kernel<typeof INT8_PARAMS>;

export interface Int8Kernels {
  readonly quantise: typeof quantiseInt8;
  readonly spmm: Spmm;
  /** Of single values, four together. */
  readonly quantiseQuads: typeof quantiseQuads;
  readonly spmmQuads: Spmm;
  /** Of attention. */
  readonly quantiseQueries: typeof quantiseQueries;
  readonly quantiseKeys: typeof quantiseKeys;
  readonly quantiseValues: typeof quantiseByteValues;
  readonly attention: typeof attentionInt8;
}

const RELAXED: Int8Kernels = {
  ...{ quantise: quantiseInt8, spmm: spmmInt8, quantiseQuads, spmmQuads },
  ...{ quantiseQueries, quantiseKeys, quantiseValues: quantiseByteValues, attention: attentionInt8 },
};

const KERNELS: Readonly<Record<Level, Int8Kernels>> = {
  dot: { ...RELAXED, spmm: spmmInt8Dot, spmmQuads: spmmQuadsDot, attention: attentionDot },
  relaxed: RELAXED,
  simd: {
    ...{ quantise: quantiseInt8Pairs, spmm: spmmInt8Pairs },
    ...{ quantiseQuads: quantiseQuadsWide, spmmQuads: spmmQuadsWide },
    ...{ quantiseQueries: quantiseQueriesWide, quantiseKeys: quantiseKeysWide },
    ...{ quantiseValues: quantiseByteValuesWide, attention: attentionInt8Pairs },
  },
  scalar: RELAXED,
};

export const int8Kernels = (level: Level): Int8Kernels => KERNELS[level];
