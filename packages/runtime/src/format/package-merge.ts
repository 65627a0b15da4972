// The best code lengths of at most so many bits: package-merge (Larmore and Hirschberg 1990, "A fast algorithm for optimal
// length-limited Huffman codes").
import { type CodeLengths, MOST_BITS } from './code-lengths.js';

/** Symbols, some of them repeatedly, and how often all of them occur. */
interface Package {
  readonly count: number;
  readonly symbols: readonly number[];
}

const byCount = (a: Package, b: Package): number => a.count - b.count;

function inPairs(packages: readonly Package[]): Package[] {
  const pairs: Package[] = [];
  for (let i = 1; i < packages.length; i += 2) {
    const [a, b] = [packages[i - 1]!, packages[i]!];
    pairs.push({ count: a.count + b.count, symbols: [...a.symbols, ...b.symbols] });
  }
  return pairs;
}

/** How often each byte occurs. */
export function countBytes(bytes: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]!++;
  return counts;
}

/** Lengths for symbols that occur so often; one of them at least does. */
export function bestLengths(counts: Uint32Array): CodeLengths {
  const singles = Array.from(counts, (count, symbol): Package => ({ count, symbols: [symbol] }))
    .filter(({ count }) => count > 0)
    .sort(byCount);
  let packages: Package[] = [];
  for (let bit = 0; bit < MOST_BITS; bit++) packages = [...singles, ...inPairs(packages)].sort(byCount);
  const lengths = Uint8Array.from(counts, (count) => (count > 0 ? 1 : 0));
  // A symbol's code has a bit for each of the cheapest packages that it is in.
  for (const { symbols } of packages.slice(0, 2 * singles.length - 2))
    for (const symbol of symbols) lengths[symbol]!++;
  return lengths;
}
