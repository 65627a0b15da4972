// Random inputs of a step, filled into one area of the store by the counter-based generator. A value depends on
// seed, step, pass and its place alone, so a resumed run draws the same ones.
import type { Store } from '../engine/store.js';
import { sizeOf } from '../tensor/tensor.js';
import type { BuiltGraph, RandomFeed } from './graph.js';

export const RANDOM_AREA = 'random';

/** Floats an input takes in the area: rows of 16 keep every view aligned. */
export const paddedFloats = (size: number): number => Math.ceil(size / 16) * 16;

/** The area that holds the random inputs of the largest graph. */
export function randomScratch(graphs: readonly BuiltGraph[]): { name: string; bytes: number }[] {
  const floats = graphs.map(({ randoms }) =>
    randoms.reduce((sum, { shape }) => sum + paddedFloats(sizeOf(shape)), 0),
  );
  const bytes = Math.max(...floats) * 4;
  return bytes > 0 ? [{ name: RANDOM_AREA, bytes }] : [];
}

export interface RandomKey {
  readonly seed: number;
  readonly step: number;
  /** Number of the pass within the step. */
  readonly pass: number;
}

/** Fills the random inputs of a graph, laid out one after another. */
export function fillRandoms(
  store: Store,
  randoms: readonly RandomFeed[],
  { seed, step, pass }: RandomKey,
): void {
  let offset = 0;
  for (const [index, { shape, kind, probability }] of randoms.entries()) {
    const size = sizeOf(shape);
    store.fillRandom(RANDOM_AREA, offset, size, { kind, probability, key: [seed, step, pass, index] });
    offset += paddedFloats(size);
  }
}
