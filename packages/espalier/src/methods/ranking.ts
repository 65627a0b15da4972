// Exact order statistics of non-negative scores, by a two-pass radix selection over the bits of f32: for
// non-negative floats the bit pattern, read as an integer, has the order of the value.

/**
 * The k-th smallest of all scores, k from 1 to their number. Scores must be non-negative and not NaN.
 */
export function kthSmallest(arrays: readonly Float32Array[], k: number): number {
  const total = arrays.reduce((sum, { length }) => sum + length, 0);
  if (!(k >= 1 && k <= total)) throw new RangeError(`kthSmallest: k ${k} of ${total} scores`);
  const bits = arrays.map((array) => new Uint32Array(array.buffer, array.byteOffset, array.length));
  const high = new Uint32Array(1 << 16);
  for (const words of bits) for (let i = 0; i < words.length; i++) high[words[i]! >>> 16]!++;
  const [upper, before] = locate(high, k);
  const low = new Uint32Array(1 << 16);
  for (const words of bits) {
    for (let i = 0; i < words.length; i++) if (words[i]! >>> 16 === upper) low[words[i]! & 0xffff]!++;
  }
  const [lower] = locate(low, k - before);
  const result = new Float32Array(1);
  new Uint32Array(result.buffer)[0] = upper * 65536 + lower;
  return result[0]!;
}

/** Bin that holds the k-th entry, and how many entries lie before that bin. */
function locate(histogram: Uint32Array, k: number): [bin: number, before: number] {
  let before = 0;
  for (let bin = 0; bin < histogram.length; bin++) {
    if (before + histogram[bin]! >= k) return [bin, before];
    before += histogram[bin]!;
  }
  throw new RangeError('kthSmallest: fewer scores than k');
}

export const magnitudes = (weights: Float32Array): Float32Array => weights.map(Math.abs);
