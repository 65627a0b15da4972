// Mask logits theta as Adapting by Pruning trains them (Gao, Colombo and Wang, 2021): sigmoid(tForward * theta) in the
// forward pass, which is 0 or 1 but for logits very near 0, the gradient of sigmoid(tBackward * theta) in the backward
// pass, and what is counted over them. A weight is kept where theta > 0.
import type { Node } from '../graph/node.js';
import { greater, scale, sigmoid, straightThrough, toFloat } from '../graph/ops/index.js';
import { scalar } from '../graph/program.js';
import { kthSmallest } from './ranking.js';

export interface Temperatures {
  readonly tForward: number;
  readonly tBackward: number;
}

/** g_theta = g_mask * tBackward * s * (1 - s) with s = sigmoid(tBackward * theta), at the mask of `tForward`. */
export const relaxedMask = (theta: Node, { tForward, tBackward }: Temperatures): Node =>
  straightThrough(sigmoid(scale(theta, tForward)), sigmoid(scale(theta, tBackward)));

/** What the result will have: exactly 0 or 1, and no gradient. */
export const hardMask = (theta: Node): Node => toFloat(greater(theta, scalar(0)));

/**
 * Settles the logits of one tensor after an update: `never` loses (1 to 0) what is pruned now; without `recovery` what
 * was pruned once stays so. Returns how many are pruned.
 */
export function settle(theta: Float32Array, never: Uint8Array, recovery: boolean): number {
  let pruned = 0;
  for (let i = 0; i < theta.length; i++) {
    if (!recovery && never[i] === 0 && theta[i]! > 0) theta[i] = 0;
    if (theta[i]! > 0) continue;
    pruned++;
    never[i] = 0;
  }
  return pruned;
}

export interface Survivors {
  readonly kept: number;
  /** Of those kept, how many had been pruned before. */
  readonly recovered: number;
  /** Of all, how many have a relaxed mask between 0.001 and 0.999. */
  readonly fractional: number;
}

export function survivors(theta: Float32Array, never: Uint8Array, tForward: number): Survivors {
  const edge = Math.log(999) / tForward;
  let [kept, recovered, fractional] = [0, 0, 0];
  for (let i = 0; i < theta.length; i++) {
    if (Math.abs(theta[i]!) < edge) fractional++;
    if (!(theta[i]! > 0)) continue;
    kept++;
    if (never[i] === 0) recovered++;
  }
  return { kept, recovered, fractional };
}

function distancesToZero(theta: Float32Array): Float32Array {
  const distances = new Float32Array(theta.length);
  for (let i = 0; i < theta.length; i++) if (theta[i]! > 0) distances[i] = theta[i]!;
  return distances;
}

/**
 * The shift a step that lets more than the fraction `wanted` of the logits reach 0 after `steps` steps, were it for the
 * shift alone; 0 when they have already.
 */
export function shiftFor(thetas: readonly Float32Array[], wanted: number, steps: number): number {
  const total = thetas.reduce((sum, { length }) => sum + length, 0);
  const count = Math.min(total, Math.floor(wanted * total) + 1);
  const distances = thetas.map(distancesToZero);
  return (kthSmallest(distances, count) * (1 + 1e-5)) / steps;
}
