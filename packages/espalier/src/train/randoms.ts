// Random inputs of a step, filled into scratch areas of the store by the counter-based generator. A value depends
// on seed, step, pass and its place alone, so a resumed run draws the same ones.
import { randomKey } from '../engine/kernels/random.js';
import type { ScratchSpec } from '../engine/plan.js';
import type { Store } from '../engine/store.js';
import { sizeOf } from '../tensor/tensor.js';
import type { BuiltGraph, RandomFeed } from './graph.js';

/** Area of the index-th random input of any graph: graphs run one after another and share it. */
export const randomArea = (index: number): string => `random:${index}`;

/** Areas that hold the random inputs of every graph. */
export function randomScratch(graphs: readonly BuiltGraph[]): ScratchSpec[] {
  const bytes: number[] = [];
  for (const { randoms } of graphs) {
    for (const [index, { shape }] of randoms.entries()) {
      bytes[index] = Math.max(bytes[index] ?? 0, sizeOf(shape) * 4);
    }
  }
  return bytes.map((size, index) => ({ name: randomArea(index), bytes: size }));
}

export interface RandomPlace {
  readonly seed: number;
  readonly step: number;
  /** Number of the pass within the step. */
  readonly pass: number;
}

/** Fills the random inputs of a graph; `views` are its arrays in order. */
export function fillRandoms(
  store: Store,
  randoms: readonly RandomFeed[],
  views: readonly Float32Array[],
  { seed, step, pass }: RandomPlace,
): void {
  for (const [index, { kind, probability }] of randoms.entries()) {
    const key = randomKey(seed, step, pass, index);
    const view = views[index]!;
    if (kind === 'dropout') store.fillDropout(view, probability, key);
    else if (kind === 'uniform') store.fillUniform(view, 0, 1, key);
    else store.fillNormal(view, 0, 1, key);
  }
}
