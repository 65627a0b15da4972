// All kernels in one module, compiled once and bound to each arena's memory.

import { compile } from '@espalier/runtime/wasm';
import { adamwVariants } from './adamw.js';
import { accumulate, scale, sumOfSquares } from './linear.js';
import { applyMask, countNonzero, maskedCopy } from './mask.js';
import { fillDropout, fillUniform } from './random.js';
import { scatterAddRows } from './rows.js';
import { sgdVariants } from './sgd.js';

/** The kernels over the memory of one arena. Arrays are byte addresses, aligned and padded as in vectors.ts. */
export const bindKernels = compile({
  ...adamwVariants,
  ...sgdVariants,
  scale,
  accumulate,
  sumOfSquares,
  scatterAddRows,
  applyMask,
  maskedCopy,
  countNonzero,
  fillDropout,
  fillUniform,
});

export type Kernels = ReturnType<typeof bindKernels>;
