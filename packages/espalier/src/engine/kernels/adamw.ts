// AdamW (Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019) with the proximal operator and the
// mask in the same pass, for one tensor:
//   g' = gradScale * g;  m = b1*m + (1-b1)*g';  v = b2*v + (1-b2)*g'^2
//   a  = w*(1 - lr*decay) - (lr/(1-b1^t)) * m / (sqrt(v)/sqrt(1-b2^t) + eps) - shift
//   w  = sign(a) * max(|a| - th, 0), then everything under the mask
// The penalty behind th never enters the moments (Guo et al., Reweighted Proximal Pruning, 2019).

import { defineFunction, f32x4, type Params, type WasmFunction } from '@espalier/runtime/wasm';
import {
  eachUpdate,
  finishTwin,
  GRADIENTS,
  type GradientKind,
  MASKS,
  type MaskKind,
  shrink,
  shrinkTwin,
  type UpdateTensor,
  updateParams,
} from './update.js';
import { lanes } from './vectors.js';

/**
 * How th is made: not at all; the threshold; times factor_i; or, in the metric of Adam's own step, threshold
 * or threshold * factor_i divided by the denominator of the update, sqrt(v)/sqrt(1-b2^t) + eps.
 */
export const ADAMW_PROX = ['plain', 'prox', 'prox-factor', 'metric', 'metric-factor'] as const;
export type AdamwProx = (typeof ADAMW_PROX)[number];
export type AdamwVariant = `adamw ${MaskKind} ${AdamwProx} ${GradientKind}`;

const adamwParams = {
  ...updateParams,
  m: 'i32',
  v: 'i32',
  beta1: 'f32',
  rest1: 'f32', // 1 - beta1
  beta2: 'f32',
  rest2: 'f32', // 1 - beta2
  decayFactor: 'f32', // 1 - lr * decay
  stepSize: 'f32', // lr / (1 - beta1^t)
  rootScale: 'f32', // 1 / sqrt(1 - beta2^t)
  eps: 'f32',
} as const satisfies Params;

export interface AdamwOptions {
  /** Learning rate of this step. */
  readonly lr: number;
  /** Number of this step, from 1, for the bias correction. */
  readonly step: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  /** Decoupled weight decay. */
  readonly decay?: number;
  /** Multiplies the gradient first: clipping, loss scale, one over the number of accumulated batches. */
  readonly gradScale?: number;
  /** Subtracted from the proposal before the proximal operator. */
  readonly shift?: number;
  /** Threshold of the proximal operator in units of a weight, usually lr * gamma. */
  readonly threshold?: number;
}

/** The scalar arguments of the kernel; throws RangeError for a step or eps that would divide by zero. */
export function adamwScalars(options: AdamwOptions) {
  const { lr, step, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, decay = 0 } = options;
  if (!(step >= 1)) throw new RangeError(`adamw: steps count from 1, found ${step}`);
  if (!(Math.fround(eps) > 0)) throw new RangeError(`adamw: eps must be positive in f32, found ${eps}`);
  return {
    gradScale: options.gradScale ?? 1,
    threshold: options.threshold ?? 0,
    shift: options.shift ?? 0,
    beta1,
    rest1: 1 - beta1,
    beta2,
    rest2: 1 - beta2,
    decayFactor: 1 - lr * decay,
    stepSize: lr / (1 - beta1 ** step),
    rootScale: 1 / Math.sqrt(1 - beta2 ** step),
    eps,
  };
}

export type AdamwScalars = ReturnType<typeof adamwScalars>;

const adamw = (masks: MaskKind, prox: AdamwProx, gradients: GradientKind) =>
  defineFunction(adamwParams, (body, p) => {
    const splat = (name: keyof AdamwScalars) => body.let(f32x4.splat(p[name]));
    const [beta1, rest1, beta2, rest2] = [splat('beta1'), splat('rest1'), splat('beta2'), splat('rest2')];
    const [stepSize, rootScale, eps] = [splat('stepSize'), splat('rootScale'), splat('eps')];
    const [gradScale, decayFactor, shift] = [splat('gradScale'), splat('decayFactor'), splat('shift')];
    const threshold = splat('threshold');

    eachUpdate(body, { ...p, moments: [p.m, p.v] }, masks, gradients, (at) => {
      const g = body.let(f32x4.mul(lanes(p.g, at), gradScale));
      const m = body.let(f32x4.add(f32x4.mul(beta1, lanes(p.m, at)), f32x4.mul(rest1, g)));
      const v = body.let(f32x4.add(f32x4.mul(beta2, lanes(p.v, at)), f32x4.mul(rest2, f32x4.mul(g, g))));
      const denominator = body.let(f32x4.add(f32x4.mul(f32x4.sqrt(v), rootScale), eps));
      const step = f32x4.div(f32x4.mul(stepSize, m), denominator);
      const a = body.let(f32x4.sub(f32x4.sub(f32x4.mul(lanes(p.w, at), decayFactor), step), shift));
      if (prox === 'plain') return { weight: a, moments: [m, v] };

      const scaled = prox.endsWith('factor') ? f32x4.mul(threshold, lanes(p.factor, at)) : threshold;
      const th = body.let(prox.startsWith('metric') ? f32x4.div(scaled, denominator) : scaled);
      return { weight: shrink(a, th), moments: [m, v] };
    });
  });

/** Every variant under its name. */
export const adamwVariants = Object.fromEntries(
  MASKS.flatMap((masks) =>
    ADAMW_PROX.flatMap((prox) =>
      GRADIENTS.map((gradients) => [`adamw ${masks} ${prox} ${gradients}`, adamw(masks, prox, gradients)]),
    ),
  ),
) as Record<AdamwVariant, WasmFunction<typeof adamwParams, void>>;

export function adamwTwin(
  t: UpdateTensor & { readonly m: Float32Array; readonly v: Float32Array },
  scalars: AdamwScalars,
  masks: MaskKind,
  prox: AdamwProx,
  gradients: GradientKind,
): void {
  const { fround } = Math;
  const s = Object.fromEntries(
    Object.entries(scalars).map(([name, value]) => [name, fround(value)]),
  ) as AdamwScalars;
  for (let i = 0; i < t.w.length; i++) {
    const g = fround(t.g[i]! * s.gradScale);
    const m = fround(fround(s.beta1 * t.m[i]!) + fround(s.rest1 * g));
    const v = fround(fround(s.beta2 * t.v[i]!) + fround(s.rest2 * fround(g * g)));
    const denominator = fround(fround(fround(Math.sqrt(v)) * s.rootScale) + s.eps);
    const step = fround(fround(s.stepSize * m) / denominator);
    const a = fround(fround(fround(t.w[i]! * s.decayFactor) - step) - s.shift);
    const scaled = prox.endsWith('factor') ? fround(s.threshold * t.factor![i]!) : s.threshold;
    const th = prox.startsWith('metric') ? fround(scaled / denominator) : scaled;
    t.w[i] = prox === 'plain' ? a : shrinkTwin(a, th);
    t.m[i] = m;
    t.v[i] = v;
    finishTwin(t, i, masks, gradients);
  }
}
