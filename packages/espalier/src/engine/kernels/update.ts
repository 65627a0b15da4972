// How an optimiser's proposal becomes the new weight, shared by every rule: constant shift, proximal operator,
// mask. Variants are emitted for each combination, so that no loop branches on what is off.
//
// The proximal operator of threshold * |w| is soft thresholding, sign(a) * max(|a| - th, 0) (Parikh and Boyd,
// Proximal Algorithms, 2014, section 6.5.2). It is computed as a - min(max(a, -th), th), which is the same
// number and gives +0, never -0, inside the threshold.

import { type Body, type Expr, f32, f32x4, i32, i32x4, type Local, v128 } from '@espalier/runtime/wasm';
import { keepLanes, maskAddress } from './mask.js';
import { eachVector, lanes } from './vectors.js';

export const MASKS = ['dense', 'masked'] as const;
export const GRADIENTS = ['keep', 'clear'] as const;

export type MaskKind = (typeof MASKS)[number];
/** What becomes of the gradient: kept (under the mask, if any) or set to zero for the next step. */
export type GradientKind = (typeof GRADIENTS)[number];

/** The arrays every rule updates, and the scalars of its last part. */
export const updateParams = {
  w: 'i32',
  g: 'i32',
  factor: 'i32',
  mask: 'i32',
  n: 'i32',
  gradScale: 'f32',
  threshold: 'f32',
  shift: 'f32',
} as const;

/** sign(a) * max(|a| - th, 0) for th >= 0. */
export const shrink = (a: Local<'v128'>, th: Local<'v128'>): Expr<'v128'> =>
  f32x4.sub(a, f32x4.pmax(f32x4.neg(th), f32x4.pmin(th, a)));

export const shrinkTwin = (a: number, th: number): number => Math.fround(a - Math.min(Math.max(a, -th), th));

/** Addresses the last part of an update reads and writes; `moments` are the rule's own arrays. */
export interface UpdateArrays {
  readonly w: Expr<'i32'>;
  readonly g: Expr<'i32'>;
  readonly mask: Expr<'i32'>;
  readonly n: Expr<'i32'>;
  readonly moments: readonly Expr<'i32'>[];
}

/**
 * Moments below this are stored as zero. Without gradient a moment decays until it is denormal and stays there;
 * arithmetic on denormals is about twenty times slower, and most rows of an embedding table get there within a
 * thousand steps. No step changes by it: the root of the threshold is far below any useful epsilon.
 */
export const SMALLEST_MOMENT = 2 ** -100;

/**
 * The loop of an update. `propose` gets a byte offset and returns the new weight and moments; they are masked
 * and stored here, and the gradient is cleared or masked.
 */
export function eachUpdate(
  body: Body,
  arrays: UpdateArrays,
  masks: MaskKind,
  gradients: GradientKind,
  propose: (at: Local<'i32'>) => { weight: Expr<'v128'>; moments: readonly Expr<'v128'>[] },
): void {
  const { w, g, mask, n, moments } = arrays;
  const smallest = body.let(f32x4.splat(f32.const(SMALLEST_MOMENT)));
  eachVector(body, n, 4, (at) => {
    const proposal = propose(at);
    const keep = masks === 'masked' ? body.let(keepLanes(maskAddress(mask, at))) : undefined;
    const masked = (value: Expr<'v128'>) => (keep ? v128.and(value, keep) : value);
    body.store(i32.add(w, at), masked(proposal.weight));
    moments.forEach((moment, index) => {
      const value = body.let(proposal.moments[index]!);
      const vanishing = f32x4.lt(f32x4.abs(value), smallest);
      body.store(i32.add(moment, at), masked(v128.andNot(value, vanishing)));
    });
    if (gradients === 'clear') body.store(i32.add(g, at), i32x4.const(0, 0, 0, 0));
    else if (keep) body.store(i32.add(g, at), masked(lanes(g, at)));
  });
}

/** The arrays of a twin: one tensor's slots, all of one length. */
export interface UpdateTensor {
  readonly w: Float32Array;
  readonly g: Float32Array;
  readonly m?: Float32Array;
  readonly v?: Float32Array;
  readonly factor?: Float32Array;
  readonly mask?: Uint8Array;
}

/** Moments, mask and gradient of element i after its update, as `eachUpdate` leaves them. */
export function finishTwin(t: UpdateTensor, i: number, masks: MaskKind, gradients: GradientKind): void {
  for (const moment of [t.m, t.v]) if (moment && Math.abs(moment[i]!) < SMALLEST_MOMENT) moment[i] = 0;
  if (gradients === 'clear') t.g[i] = 0;
  if (masks === 'masked' && t.mask?.[i] === 0) {
    for (const array of [t.w, t.g, t.m, t.v]) if (array) array[i] = 0;
  }
}
