// Random weights for the tests of the format: Gaussian, pruned by magnitude, from a seed.

export type Generator = () => number;

/** Uniform in [0, 1): mulberry32. */
export function uniform(seed: number): Generator {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Skewed bytes: most of them few symbols. */
export function skewed(count: number, seed: number): Uint8Array {
  const next = uniform(seed);
  return Uint8Array.from({ length: count }, () => Math.floor(256 * next() ** 4));
}

export function gaussian(count: number, seed: number): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return 0.02 * radius * Math.cos(2 * Math.PI * next());
  });
}

/** Zeros where the norm of a group of `width` neighbours is among the smallest: a fraction `sparsity` of all. */
export function pruned(weights: Float32Array, sparsity: number, width = 1): Float32Array {
  const norms = new Float64Array(Math.ceil(weights.length / width));
  weights.forEach((weight, i) => (norms[Math.floor(i / width)]! += weight * weight));
  const ranked = norms.slice().sort();
  const cut = Math.floor(sparsity * norms.length);
  const threshold = cut === norms.length ? Infinity : ranked[cut]!;
  return weights.map((weight, i) => (norms[Math.floor(i / width)]! < threshold ? 0 : weight));
}

/** Bits a symbol of the measured distribution. */
export function entropy(symbols: Iterable<number>): number {
  const counts = new Map<number, number>();
  let total = 0;
  for (const symbol of symbols) {
    counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
    total++;
  }
  return [...counts.values()].reduce((bits, count) => bits - (count / total) * Math.log2(count / total), 0);
}

/** Bits a place of a mask of this density. */
export const maskEntropy = (density: number): number =>
  density <= 0 || density >= 1 ? 0 : -density * Math.log2(density) - (1 - density) * Math.log2(1 - density);
