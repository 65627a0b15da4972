// What Adapting by Pruning (Gao, Colombo and Wang, 2021) is compared with: masks that see no data, over the same
// resting weights and with the same head. Ranking is over all masked weights together, as the paper's plots of
// components need it.
import { z } from 'zod';
import { random } from '../random.js';
import { maskedOnce, scopeOptions, scopeProvenance, type ScopeOptions } from './adapter-scope.js';
import type { Method, StageContext } from './method.js';
import { kthSmallest, magnitudes } from './ranking.js';

const options = z.strictObject(scopeOptions);

const paper = 'Gao, Colombo and Wang 2021, arXiv 2105.03343 (baseline)';

/** Writes 0 (prune) for the lowest `sparsity` of all scores together, 1 for the others; ties at the threshold go. */
export function globalMasks(
  scores: readonly Float32Array[],
  sparsity: number,
  masks: readonly Uint8Array[],
): void {
  const total = scores.reduce((sum, { length }) => sum + length, 0);
  const count = Math.floor(sparsity * total);
  const threshold = count === 0 ? -1 : kthSmallest(scores, count);
  for (const [index, array] of scores.entries()) {
    const mask = masks[index]!;
    for (let i = 0; i < array.length; i++) mask[i] = array[i]! > threshold ? 1 : 0;
  }
}

/** Sets the lowest of the named weights to zero, by the scores that `scoresOf` gives. */
function pruneLowest(
  stage: StageContext,
  names: readonly string[],
  sparsity: number,
  scoresOf: (name: string, weights: Float32Array) => Float32Array,
): void {
  const weights = names.map((name) => stage.store.view(name, 'weight'));
  const masks = weights.map(({ length }) => new Uint8Array(length));
  globalMasks(
    names.map((name, index) => scoresOf(name, weights[index]!)),
    sparsity,
    masks,
  );
  for (const [index, array] of weights.entries()) {
    for (let i = 0; i < array.length; i++) if (masks[index]![i] === 0) array[i] = 0;
  }
}

export const adaptMagnitude: Method<ScopeOptions> = {
  name: 'adapt-magnitude',
  title: 'A mask by magnitude over resting weights, and a head',
  paper,
  options,
  provenance: scopeProvenance,
  create: (chosen) =>
    maskedOnce(chosen, (stage, names) =>
      pruneLowest(stage, names, chosen.sparsity, (_name, weights) => magnitudes(weights)),
    ),
};

export const adaptRandom: Method<ScopeOptions> = {
  name: 'adapt-random',
  title: 'A random mask over resting weights, and a head',
  paper,
  options,
  provenance: scopeProvenance,
  create: (chosen) =>
    maskedOnce(chosen, (stage, names) =>
      pruneLowest(stage, names, chosen.sparsity, (name, { length }) => {
        const generator = random(stage.seed, 'adapt-random', name);
        return Float32Array.from({ length }, () => generator.uniform());
      }),
    ),
};
