// Which weights a pruning method removes together: each alone, or 1x4 blocks of a matrix [out, in]. A block is ranked by
// the root of its mean square, which is what the block lasso shrinks; short blocks at the end of a row rank fairly.
import { z } from 'zod';
import { BLOCK, blockNorms } from '../engine/blocks.js';
import { UsageError } from '../errors.js';
import { familyOf } from '../models/families.js';
import type { MethodHooks, StageContext } from './method.js';
import { checkNames, compilePattern } from './prunable.js';
import { magnitudeMask, scoreMask } from './magnitude-mask.js';
import { magnitudes } from './ranking.js';

export const blockOption = z
  .enum(['unstructured', '1x4'])
  .default('unstructured')
  .describe('what goes together: nothing, or four consecutive inputs of one output unit');

export type Pattern = z.infer<typeof blockOption>;

/** The magnitude of every weight: its own, or that of its block. */
export const patternMagnitudes = (weights: Float32Array, columns: number, pattern: Pattern): Float32Array =>
  pattern === '1x4' ? blockNorms(weights, columns) : magnitudes(weights);

/**
 * How many weights the threshold must reach: the block of the last of them goes whole, and no more than `count` weights
 * go in all (ties aside).
 */
export const reachedCount = (count: number, pattern: Pattern): number =>
  pattern === '1x4' ? count - (BLOCK - 1) : count;

/** Writes the mask of magnitude pruning for a pattern; `columns` is the width of the matrix. */
export function patternMask(
  weights: Float32Array,
  columns: number,
  pattern: Pattern,
  sparsity: number,
  mask: Uint8Array,
): void {
  if (pattern === 'unstructured') return magnitudeMask(weights, sparsity, mask);
  const count = reachedCount(Math.floor(sparsity * weights.length), pattern);
  scoreMask(blockNorms(weights, columns), count, mask);
}

/** The width of a matrix of the stage. */
export const columnsOf = ({ store }: StageContext, name: string): number => store.shape(name).at(-1)!;

/** The `check` hook of a method with a pattern: it has matrices, and blocks are of matrices [out, in] only. */
export const blockCheck = (
  pattern: Pattern,
  names: string | undefined,
  byDefault: 'encoderLinear' | 'prunedLinear' = 'encoderLinear',
): Pick<MethodHooks, 'check'> => ({
  check(model) {
    const { config, tensors } = model;
    checkNames(model, names, byDefault);
    if (pattern === 'unstructured') return;
    const wanted = names === undefined ? familyOf(config)[byDefault] : compilePattern(names);
    for (const [name, { shape }] of tensors) {
      if (shape.length <= 2 || !wanted.test(name)) continue;
      throw new UsageError(
        `pattern 1x4: expected matrices [out, in], found ${name} of ${shape.join(' x ')}, which is stored the other ` +
          'way; name the matrices with --set names=..., such as names=ff.layer for XLNet',
      );
    }
  },
});
