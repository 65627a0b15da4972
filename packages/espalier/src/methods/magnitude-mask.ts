// The mask rule of magnitude pruning (Zhu & Gupta, 2017; as in Prune Once for All): per matrix, the floor(s * n)
// smallest magnitudes go; what is strictly greater than the threshold stays, so ties at the threshold all go.
import { kthSmallest, magnitudes } from './ranking.js';

/** Writes 1 (keep) or 0 (prune) for each weight into `mask`. `sparsity` is the fraction to prune. */
export function magnitudeMask(weights: Float32Array, sparsity: number, mask: Uint8Array): void {
  scoreMask(magnitudes(weights), Math.floor(sparsity * weights.length), mask);
}

/** Keeps what is strictly greater than the `count`-th smallest score; everything where `count` is below 1. */
export function scoreMask(scores: Float32Array, count: number, mask: Uint8Array): void {
  if (count < 1) {
    mask.fill(1);
    return;
  }
  const threshold = kthSmallest([scores], count);
  for (let i = 0; i < scores.length; i++) mask[i] = scores[i]! > threshold ? 1 : 0;
}
