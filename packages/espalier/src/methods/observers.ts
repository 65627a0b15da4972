// Observers of quantisation-aware training: what scales and zero points come from, as nodes, following the observers
// of PyTorch. Weights: the largest magnitude ever seen. Activations: moving averages of the extremes.
import type { Node } from '../graph/node.js';
import {
  add,
  concat,
  div,
  greater,
  maximum,
  minimum,
  neg,
  reduceMax,
  reduceMin,
  reshape,
  round,
  scale,
  slice,
  sub,
  where,
} from '../graph/ops/index.js';
import { scalar } from '../graph/program.js';
import { SMALLEST_SCALE } from '../models/int8.js';

/** Part of the present batch in a moving range: PyTorch's averaging constant. */
export const AVERAGING = 0.01;

/** Largest magnitude of w [rows, ...] and of `before` [1] or [rows], for the whole or by row: the shape of `before`. */
export function largestEver(w: Node, before: Node): Node {
  const perRow = before.shape[0] === w.shape[0] && w.shape[0] !== 1;
  const axes = [...w.shape.keys()].filter((axis) => axis > 0 || !perRow);
  const largest = maximum(reduceMax(w, axes), neg(reduceMin(w, axes)));
  return maximum(before, reshape(largest, before.shape));
}

/** Largest magnitudes -> int8 scales; the twin of `symmetricScale`. */
export const symmetricScales = (largest: Node): Node =>
  maximum(div(largest, scalar(127)), scalar(SMALLEST_SCALE));

/**
 * Least and greatest value [2] of x, averaged: `averaging` is the part of the present x. The first x, where `seen` [1]
 * is still 0, is taken as it is.
 */
export function movingRange(x: Node, before: Node, seen: Node, averaging: number): Node {
  const present = concat([reshape(reduceMin(x), [1]), reshape(reduceMax(x), [1])], 0);
  const averaged = add(before, scale(sub(present, before), averaging));
  return where(greater(seen, scalar(0)), averaged, present);
}

/** Range [2] -> uint8 scale [1] and zero point [1]; the twin of `affineRange`. */
export function affineNodes(range: Node): { readonly scale: Node; readonly zeroPoint: Node } {
  const least = minimum(slice(range, 0, 0, 1), scalar(0));
  const greatest = maximum(slice(range, 0, 1, 2), scalar(0));
  const unit = maximum(div(sub(greatest, least), scalar(255)), scalar(SMALLEST_SCALE));
  return { scale: unit, zeroPoint: minimum(round(div(sub(scalar(0), least), unit)), scalar(255)) };
}
