// How many heads or neurons go in the end, and among which they are chosen: all blocks together, or each by itself.
// Never more than the fraction that was asked for, and never so many that a block keeps fewer than its minimum.
import { UsageError } from '../errors.js';
import type { GroupKind } from '../models/groups.js';

export interface Target {
  /** Blocks whose groups are ranked together. */
  readonly blocks: readonly number[];
  /** Groups of them that go. */
  readonly count: number;
  /** What the fraction alone would ask for. */
  readonly asked: number;
}

export interface TargetOptions {
  readonly fraction: number;
  /** Groups that every block keeps. */
  readonly minimum: number;
  readonly ranking: 'global' | 'layer';
}

/** Targets for blocks of `counts` groups. Throws UsageError when all are to go and some have to stay: any head. */
export function removalTargets(
  kind: GroupKind,
  counts: readonly number[],
  { fraction, minimum, ranking }: TargetOptions,
): Target[] {
  if (fraction === 1 && (kind === 'heads' || minimum > 0)) {
    const reason =
      kind === 'heads'
        ? 'a model without any head reads its first token alone'
        : `every block keeps ${minimum}; to remove them all set minimumNeurons to 0`;
    throw new UsageError(`method "structured", option "${kind}": expected less than 1: ${reason}`);
  }
  const target = (blocks: readonly number[]): Target => {
    const sum = (value: (count: number) => number): number =>
      blocks.reduce((total, block) => total + value(counts[block]!), 0);
    const free = sum((count) => Math.max(0, count - minimum));
    // A product such as 0.29 * 100 lies a little below the whole number that is meant.
    const asked = Math.floor(fraction * sum((count) => count) + 1e-9);
    return { blocks, count: Math.min(asked, free), asked };
  };
  const all = [...counts.keys()];
  return ranking === 'global' ? [target(all)] : all.map((block) => target([block]));
}
