// What a head or a neuron is worth (methods.md C.8): the mean square of its weights, or how much the loss would feel its
// absence to first order (Michel, Levy and Neubig, 2019); and which ones go.
import { eachStretch, type Groups } from '../models/groups.js';

type Tensors = (name: string) => Float32Array;

/** The sum of a * b over the entries of each group. */
function products(groups: Groups, a: Tensors, b: Tensors): Float64Array {
  const sums = new Float64Array(groups.count);
  for (const member of groups.members) {
    const [x, y] = [a(member.name), b(member.name)];
    eachStretch(groups, member, (group, from, to) => {
      let sum = 0;
      for (let i = from; i < to; i++) sum += x[i]! * y[i]!;
      sums[group]! += sum;
    });
  }
  return sums;
}

/** Squared Frobenius norms of a group's tensors over the number of its parameters. */
export const magnitudeScores = (groups: Groups, weight: Tensors): Float64Array =>
  products(groups, weight, weight).map((sum) => sum / groups.parameters);

/** |sum of w * dL/dw| over each group, for the gradient at hand. */
export const gradientScores = (groups: Groups, weight: Tensors, gradient: Tensors): Float64Array =>
  products(groups, weight, gradient).map(Math.abs);

/** Scores of a block over their l2 norm, so that blocks compare. */
export function normalised(scores: Float64Array): Float64Array {
  const norm = Math.hypot(...scores);
  return norm > 0 ? scores.map((score) => score / norm) : scores;
}

export interface Group {
  readonly block: number;
  readonly group: number;
}

/**
 * The `count` groups of lowest score that are left, so chosen that `minimum` stay in every block: fewer where there are
 * not so many. Equal scores go by block, then by place.
 */
export function weakest(
  scores: readonly Float64Array[],
  removed: readonly ReadonlySet<number>[],
  count: number,
  minimum: number,
): Group[] {
  const left = scores.map(({ length }, block) => length - removed[block]!.size);
  const order = scores
    .flatMap((of, block) => Array.from(of, (score, group) => ({ block, group, score })))
    .filter(({ block, group }) => !removed[block]!.has(group))
    .sort((a, b) => a.score - b.score || a.block - b.block || a.group - b.group);
  const chosen: Group[] = [];
  for (const { block, group } of order) {
    if (chosen.length >= count) break;
    if (left[block]! <= minimum) continue;
    left[block]!--;
    chosen.push({ block, group });
  }
  return chosen;
}
