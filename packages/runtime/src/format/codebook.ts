// Sixteen values for a tensor: Lloyd's algorithm (k-means in one dimension) over its sorted values.

const ENTRIES = 16;
/** Rounds of Lloyd's algorithm; it has settled to 1 % of the error long before (ours). */
const ROUNDS = 30;

/** Index in ascending `sorted` of the first value that is not below `bound`. */
function lowerBound(sorted: Float32Array | Float64Array, bound: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

const boundsOf = (entries: Float64Array): Float64Array =>
  entries.subarray(1).map((entry, i) => (entry + entries[i]!) / 2);

/** Ascending entries that are near to `values`, of which there is at least one. */
export function makeCodebook(values: Float32Array): Float32Array {
  const sorted = values.slice().sort();
  const sums = new Float64Array(sorted.length + 1);
  sorted.forEach((value, i) => (sums[i + 1] = sums[i]! + value));
  const entries = Float64Array.from(
    { length: ENTRIES },
    (_, i) => sorted[Math.floor(((i + 0.5) / ENTRIES) * sorted.length)]!,
  );
  for (let i = 0; i < ROUNDS; i++) {
    const cuts = [0, ...Array.from(boundsOf(entries), (bound) => lowerBound(sorted, bound)), sorted.length];
    for (let entry = 0; entry < ENTRIES; entry++) {
      const [from, until] = [cuts[entry]!, cuts[entry + 1]!];
      if (until > from) entries[entry] = (sums[until]! - sums[from]!) / (until - from);
    }
  }
  return Float32Array.from(entries);
}

/** The nearest entry of each value. */
export function nearestEntries(values: Float32Array, codebook: Float32Array): Uint8Array {
  const bounds = boundsOf(Float64Array.from(codebook));
  return Uint8Array.from(values, (value) => lowerBound(bounds, value));
}
