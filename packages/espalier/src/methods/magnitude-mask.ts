// The mask rule of magnitude pruning (Zhu & Gupta, 2017; as in Prune Once for All): per matrix, the floor(s * n)
// smallest magnitudes go; what is strictly greater than the threshold stays, so ties at the threshold all go.
import { kthSmallest, magnitudes } from './ranking.js';

/** Writes 1 (keep) or 0 (prune) for each weight into `mask`. `sparsity` is the fraction to prune. */
export function magnitudeMask(weights: Float32Array, sparsity: number, mask: Uint8Array): void {
  const count = Math.floor(sparsity * weights.length);
  if (count === 0) {
    mask.fill(1);
    return;
  }
  const scores = magnitudes(weights);
  const threshold = kthSmallest([scores], count);
  for (let i = 0; i < scores.length; i++) mask[i] = scores[i]! > threshold ? 1 : 0;
}
