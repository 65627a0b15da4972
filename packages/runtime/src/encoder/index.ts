// Encoders from plain arrays.
export { createEncoder, createThreadedEncoder, type Encoder, type EncoderOptions } from './encoder.js';
export type { Pool, PoolParts, Threads } from './threads.js';
export type { Tokens } from './tokens.js';
export { RuntimeError, type RuntimeProblem } from './errors.js';
export type { SpanLogits } from './head.js';
export { nonZeros, wholeBlocks } from './non-zeros.js';
export type {
  BlockWeights,
  EncoderWeights,
  HeadWeights,
  LinearWeights,
  NormWeights,
  SparseRows,
  Table,
} from './weights.js';
export type { Level } from '../kernels/kernel.js';
