// Broken files by number: the same number breaks a file in the same way.
import { repairChecksums } from './tiny-pack.js';
import { uniform } from './weights.js';

/** Changes one to eight bytes, now and then cuts or repeats a part; in most files checksums are put right after. */
export function mutate(original: Uint8Array, seed: number): Uint8Array {
  const next = uniform(seed);
  const below = (bound: number): number => Math.floor(next() * bound);
  let bytes = original.slice();
  const kind = below(16);
  if (kind === 0) bytes = bytes.slice(0, below(bytes.length));
  if (kind === 1) {
    const [from, to, length] = [below(bytes.length), below(bytes.length), below(64)];
    bytes.copyWithin(to, from, from + length);
  }
  for (let left = 1 + below(8); left > 0 && bytes.length > 0; left--) {
    const at = below(bytes.length);
    bytes[at] = next() < 0.5 ? below(256) : bytes[at]! ^ (1 << below(8));
  }
  if (next() < 0.9) repairChecksums(bytes);
  return bytes;
}
