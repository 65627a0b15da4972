// Dropping whole blocks of an encoder (Sajjad et al., "On the Effect of Dropping Layers of Pre-trained Transformer
// Models", arXiv 2004.03844): which ones by their place, and the smaller checkpoint that is left. Blocks are numbered
// from 1 at the bottom, as in the paper; tensor names count from 0.
import { UsageError } from '../errors.js';
import { familyOf } from './families.js';
import type { Model } from './model.js';
import { structureOf, withStructure } from './structure.js';

/** Rules that go by the place of a block alone. */
export const STRATEGIES = ['top', 'bottom', 'even', 'odd', 'symmetric'] as const;
export type Strategy = (typeof STRATEGIES)[number];

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

/**
 * The `count` blocks of `layers` that a strategy drops, in rising order. Alternate ones go from the top down. Where
 * `symmetric` leaves an odd number, the bottom keeps one more than the top. Throws UsageError for a count that leaves
 * no block, drops none, or is beyond the even or odd blocks there are.
 */
export function droppedLayers(strategy: Strategy, count: number, layers: number): number[] {
  checkCount(count, layers);
  switch (strategy) {
    case 'top':
      return range(layers - count + 1, layers);
    case 'bottom':
      return range(1, count);
    case 'even':
    case 'odd':
      return alternate(strategy, count, layers);
    case 'symmetric': {
      const bottom = Math.ceil((layers - count) / 2);
      return range(bottom + 1, bottom + count);
    }
  }
}

function alternate(parity: 'even' | 'odd', count: number, layers: number): number[] {
  const candidates = range(1, layers).filter((layer) => (layer % 2 === 0) === (parity === 'even'));
  if (count <= candidates.length) return candidates.slice(candidates.length - count);
  throw new UsageError(
    `drop-${parity}: expected at most ${candidates.length}, the ${parity} ones of ${layers} layers, found ${count}; ` +
      'drop fewer, or by another strategy',
  );
}

const KEPT =
  'expected at least 1 dropped and 1 kept; change the sparsity, or say how many with --set layers=K';

/** Throws UsageError unless `count` blocks of `layers` can go and some stay. */
function checkCount(count: number, layers: number): void {
  if (Number.isInteger(count) && count >= 1 && count < layers) return;
  throw new UsageError(`${count} of ${layers} layers cannot be dropped: ${KEPT}`);
}

/** Whole blocks in a fraction of them. Throws UsageError where it rounds to none or to all. */
export function layerCount(fraction: number, layers: number): number {
  const count = Math.round(fraction * layers);
  if (count >= 1 && count < layers) return count;
  throw new UsageError(`sparsity ${fraction} of ${layers} layers rounds to ${count}: ${KEPT}`);
}

/** The blocks with the `count` highest scores, of equal ones the upper, in rising order. `scores[0]` is of block 1. */
export function highestScores(scores: readonly number[], count: number): number[] {
  checkCount(count, scores.length);
  const order = range(1, scores.length).sort((a, b) => scores[b - 1]! - scores[a - 1]! || b - a);
  return order.slice(0, count).sort((a, b) => a - b);
}

/** The blocks whose score is above `threshold`, in rising order. Throws UsageError where that is none or all. */
export function scoresAbove(scores: readonly number[], threshold: number): number[] {
  const dropped = range(1, scores.length).filter((layer) => scores[layer - 1]! > threshold);
  if (dropped.length > 0 && dropped.length < scores.length) return dropped;
  throw new UsageError(
    `threshold ${threshold}: ${dropped.length === 0 ? 'no layer' : 'every layer'} scores above it (scores ` +
      `${scores.map((score) => score.toFixed(4)).join(', ')}); choose one between, or say how many with --set layers=K`,
  );
}

/**
 * The model without the blocks `dropped` (from 1, in any order), the others renumbered. The record of its int8 form
 * goes: ranges do not hold for other inputs. Throws UsageError for blocks there are not, and when none would stay.
 */
export function dropLayers(model: Model, dropped: readonly number[]): Model {
  const { num_hidden_layers: layers } = model.config;
  const wrong = dropped.find((layer) => !Number.isInteger(layer) || layer < 1 || layer > layers);
  if (wrong !== undefined) {
    throw new UsageError(`layers to drop: expected numbers of 1 to ${layers}, found ${wrong}; name others`);
  }
  const gone = new Set(dropped);
  checkCount(gone.size, layers);
  const kept = range(1, layers).filter((layer) => !gone.has(layer));
  // New number by old, both from 0: no order of deletion in which positions could shift.
  const numbers = new Map(kept.map((layer, position) => [layer - 1, position]));
  const { blockPrefix } = familyOf(model.config);
  const tensors: Model['tensors'] = new Map();
  for (const [name, tensor] of model.tensors) {
    const renamed = renumbered(name, blockPrefix, numbers);
    if (renamed !== undefined) tensors.set(renamed, tensor);
  }
  const { heads, neurons } = structureOf(model.config);
  const of = (counts: readonly number[]): number[] => kept.map((layer) => counts[layer - 1]!);
  const config = withStructure(
    { ...model.config, num_hidden_layers: kept.length },
    { heads: of(heads), neurons: of(neurons) },
  );
  return { ...model, config, tensors, quantisation: undefined };
}

/** A tensor's name after the surgery; undefined for one of a block that is gone. */
function renumbered(name: string, prefix: string, numbers: ReadonlyMap<number, number>): string | undefined {
  if (!name.startsWith(prefix)) return name;
  const [block] = name.slice(prefix.length).split('.', 1) as [string];
  const number = numbers.get(Number(block));
  return number === undefined ? undefined : `${prefix}${number}${name.slice(prefix.length + block.length)}`;
}
