// Stochastic gradient descent in PyTorch's convention (torch.optim.SGD, dampening 0): decay is coupled, and the
// momentum buffer starts as the first gradient, which a buffer of zeros gives too:
//   g' = gradScale * g + decay * w;  v = momentum * v + g';  a = w - lr * v - shift
//   w  = sign(a) * max(|a| - th, 0), then everything under the mask
// A tensor without a momentum buffer has v = g'.

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

export const BUFFERS = ['bare', 'momentum'] as const;
export type BufferKind = (typeof BUFFERS)[number];

/** How th is made: not at all, the threshold, or the threshold times factor_i. */
export const SGD_PROX = ['plain', 'prox', 'prox-factor'] as const;
export type SgdProx = (typeof SGD_PROX)[number];
export type SgdVariant = `sgd ${BufferKind} ${MaskKind} ${SgdProx} ${GradientKind}`;

const sgdParams = {
  ...updateParams,
  m: 'i32',
  lr: 'f32',
  momentum: 'f32',
  decay: 'f32',
} as const satisfies Params;

export interface SgdOptions {
  readonly lr: number;
  readonly momentum?: number;
  /** Coupled weight decay: decay * w is added to the gradient. */
  readonly decay?: number;
  /** Multiplies the gradient first, before the decay is added. */
  readonly gradScale?: number;
  /** Subtracted from the proposal before the proximal operator. */
  readonly shift?: number;
  /** Threshold of the proximal operator in units of a weight, usually lr * gamma. */
  readonly threshold?: number;
}

/** The scalar arguments of the kernel. */
export const sgdScalars = (options: SgdOptions) => ({
  gradScale: options.gradScale ?? 1,
  threshold: options.threshold ?? 0,
  shift: options.shift ?? 0,
  lr: options.lr,
  momentum: options.momentum ?? 0,
  decay: options.decay ?? 0,
});

export type SgdScalars = ReturnType<typeof sgdScalars>;

const sgd = (buffer: BufferKind, masks: MaskKind, prox: SgdProx, gradients: GradientKind) =>
  defineFunction(sgdParams, (body, p) => {
    const splat = (name: keyof SgdScalars) => body.let(f32x4.splat(p[name]));
    const [gradScale, lr, momentum, decay] = [
      splat('gradScale'),
      splat('lr'),
      splat('momentum'),
      splat('decay'),
    ];
    const [threshold, shift] = [splat('threshold'), splat('shift')];
    const buffers = buffer === 'momentum' ? [p.m] : [];

    eachUpdate(body, { ...p, moments: buffers }, masks, gradients, (at) => {
      const w = body.let(lanes(p.w, at));
      const g = f32x4.add(f32x4.mul(lanes(p.g, at), gradScale), f32x4.mul(decay, w));
      const v = body.let(buffer === 'bare' ? g : f32x4.add(f32x4.mul(momentum, lanes(p.m, at)), g));
      const a = body.let(f32x4.sub(f32x4.sub(w, f32x4.mul(lr, v)), shift));
      const moments = buffers.map(() => v);
      if (prox === 'plain') return { weight: a, moments };

      const th = body.let(prox === 'prox' ? threshold : f32x4.mul(threshold, lanes(p.factor, at)));
      return { weight: shrink(a, th), moments };
    });
  });

/** Every variant under its name. */
export const sgdVariants = Object.fromEntries(
  BUFFERS.flatMap((buffer) =>
    MASKS.flatMap((masks) =>
      SGD_PROX.flatMap((prox) =>
        GRADIENTS.map((gradients) => [
          `sgd ${buffer} ${masks} ${prox} ${gradients}`,
          sgd(buffer, masks, prox, gradients),
        ]),
      ),
    ),
  ),
) as Record<SgdVariant, WasmFunction<typeof sgdParams, void>>;

export function sgdTwin(
  t: UpdateTensor,
  scalars: SgdScalars,
  masks: MaskKind,
  prox: SgdProx,
  gradients: GradientKind,
): void {
  const { fround } = Math;
  const s = Object.fromEntries(
    Object.entries(scalars).map(([name, value]) => [name, fround(value)]),
  ) as SgdScalars;
  for (let i = 0; i < t.w.length; i++) {
    const w = t.w[i]!;
    const g = fround(fround(t.g[i]! * s.gradScale) + fround(s.decay * w));
    const v = t.m ? fround(fround(s.momentum * t.m[i]!) + g) : g;
    const a = fround(fround(w - fround(s.lr * v)) - s.shift);
    const th = prox === 'prox-factor' ? fround(s.threshold * t.factor![i]!) : s.threshold;
    t.w[i] = prox === 'plain' ? a : shrinkTwin(a, th);
    if (t.m) t.m[i] = v;
    finishTwin(t, i, masks, gradients);
  }
}
