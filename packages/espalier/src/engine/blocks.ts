// 1x4 blocks: four consecutive inputs of one output unit of a matrix [out, in], the pattern that a sparse int8 kernel
// reads in one load (oBERT, Kurtic et al., 2022, calls it 4-block). The last block of a row is shorter where the width
// is no multiple of four, so no block ever crosses into the next row.

/** Weights of a whole block. */
export const BLOCK = 4;

/** Runs `visit` for the blocks of a row-major matrix of `columns` columns: weights `from` to `to`, exclusive. */
export function eachBlock(length: number, columns: number, visit: (from: number, to: number) => void): void {
  for (let row = 0; row < length; row += columns) {
    const end = row + columns;
    for (let from = row; from < end; from += BLOCK) visit(from, Math.min(from + BLOCK, end));
  }
}

/** Root of the mean square of weights `from` to `to`: on the scale of one weight, however short the block. */
export function blockNorm(weights: Float32Array, from: number, to: number): number {
  let squares = 0;
  for (let i = from; i < to; i++) squares += weights[i]! * weights[i]!;
  return Math.sqrt(squares / (to - from));
}

/** The norm of its block for every weight. */
export function blockNorms(weights: Float32Array, columns: number): Float32Array {
  const norms = new Float32Array(weights.length);
  eachBlock(weights.length, columns, (from, to) => norms.fill(blockNorm(weights, from, to), from, to));
  return norms;
}

/**
 * The proximal operator of the group lasso over blocks (Yuan and Lin, 2006, with their weight of the root of a group's
 * size): a block of norm r is multiplied by max(0, 1 - threshold * factor / r). The factors of a block are equal.
 */
export function shrinkBlocks(
  weights: Float32Array,
  factors: Float32Array,
  columns: number,
  threshold: number,
): void {
  eachBlock(weights.length, columns, (from, to) => {
    const rest = blockNorm(weights, from, to) - threshold * factors[from]!;
    if (!(rest > 0)) {
      weights.fill(0, from, to);
      return;
    }
    const scale = rest / (rest + threshold * factors[from]!);
    for (let i = from; i < to; i++) weights[i]! *= scale;
  });
}
