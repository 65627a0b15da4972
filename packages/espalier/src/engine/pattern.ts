// Zero patterns: the hash that proves a locked pattern stayed the same, and its sparsity.

import { createHash } from 'node:crypto';

/**
 * SHA-256, as hex, of which weights are zero (of either sign), independent of the order of the entries: over
 * the names sorted by code unit, name, length and zero bitmap of each (bit i % 8 of byte i >> 3, 1 for zero).
 */
export function patternHash(entries: Iterable<readonly [name: string, weights: Float32Array]>): string {
  const hash = createHash('sha256');
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (const [name, weights] of sorted) {
    hash.update(`${JSON.stringify(name)} ${weights.length}\n`);
    hash.update(zeroBitmap(weights));
  }
  return hash.digest('hex');
}

function zeroBitmap(weights: Float32Array): Uint8Array {
  const bits = new Uint8Array(Math.ceil(weights.length / 8));
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) bits[i >> 3]! |= 1 << (i & 7);
  }
  return bits;
}

/** Fraction of zeros among the weights of all arrays together; 0 when there are none. */
export function zeroFraction(arrays: Iterable<Float32Array>): number {
  let zeros = 0;
  let total = 0;
  for (const array of arrays) {
    total += array.length;
    for (let i = 0; i < array.length; i++) if (array[i] === 0) zeros++;
  }
  return total === 0 ? 0 : zeros / total;
}
