// The fused optimiser pass: which rule, rate, decay, threshold and mask every tensor gets, and its application.
import type { Store } from '../engine/store.js';
import type { MethodHooks, StepContext, TensorInfo, UpdatePlan } from '../methods/method.js';
import type { TrainingSettings } from './settings.js';

/** Names without weight decay, as in the BERT repository: biases and LayerNorm. */
const NO_DECAY = /(^|\.)(bias|LayerNorm\.weight)$/;

/** The plan of one tensor at one step, after every method has had its say. */
export function planUpdate(
  step: StepContext,
  tensor: TensorInfo,
  settings: TrainingSettings,
  methods: readonly MethodHooks[],
): UpdatePlan {
  const base: UpdatePlan = {
    rule: 'adamw',
    rate: step.rateAt(step.step),
    decay: NO_DECAY.test(tensor.name) ? 0 : settings.decay,
    momentum: 0,
    shift: 0,
    threshold: 0,
    perCoordinate: false,
  };
  return methods.reduce((plan, method) => method.update?.(step, tensor, plan) ?? plan, base);
}

/** Global norm of the gradients and the factor that clips it to `limit` (0: no clipping). */
export function clipFactor(
  store: Store,
  names: readonly string[],
  limit: number,
): { norm: number; factor: number } {
  const norm = store.gradNorm(names);
  return { norm, factor: limit > 0 ? Math.min(1, limit / (norm + 1e-6)) : 1 };
}

/** One tensor's share of the fused pass. `count` is the number of updates including this one. */
export function applyUpdate(
  store: Store,
  { name }: TensorInfo,
  { rule, rate, decay, momentum, shift, threshold, perCoordinate }: UpdatePlan,
  { betas: [beta1, beta2], epsilon }: TrainingSettings,
  count: number,
  gradScale: number,
): void {
  const proximal = { shift, threshold, perCoordinate, gradScale, zeroGrad: true };
  if (rule === 'sgd') store.sgd(name, { rate, decay, momentum, ...proximal });
  else store.adamw(name, { rate, decay, beta1, beta2, epsilon, step: count, ...proximal });
}
