// The fused optimiser pass: which rule, rate, decay, threshold and mask every tensor gets, and its application.
import type { Store } from '../engine/store.js';
import { UsageError } from '../errors.js';
import type { MethodHooks, StepContext, TensorInfo, UpdatePlan } from '../methods/method.js';
import { rateFactor } from './schedules.js';
import type { TrainingSettings } from './settings.js';

/** Names without weight decay, as in the BERT repository: biases and LayerNorm. */
const NO_DECAY = /(^|\.)(bias|LayerNorm\.weight)$/;

/**
 * The learning rate at each step of a stage: the schedule's, or that of the method which replaces it. Throws
 * UsageError when two methods would.
 */
export function stageRate(
  { lr, warmup, schedule }: TrainingSettings,
  steps: number,
  methods: readonly MethodHooks[],
): (step: number) => number {
  const [own, another] = methods.filter((method) => method.rateFactor !== undefined);
  if (another) {
    throw new UsageError(
      'two methods of this stage set the learning-rate schedule, one may; turn it off in the other ' +
        '(prune-once: rewind false) or give each a stage of its own',
    );
  }
  const rising = Math.round(warmup * steps);
  return (step) =>
    lr *
    (own?.rateFactor?.(step, { steps, warmup: rising }) ?? rateFactor(step, { steps, warmup, schedule }));
}

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
    blocks: false,
  };
  return methods.reduce((plan, method) => method.update?.(step, tensor, plan) ?? plan, base);
}

/** The factor that clips a gradient of global norm `norm` to `limit` (0: no clipping), as PyTorch does. */
export const clipFactor = (norm: number, limit: number): number =>
  limit > 0 ? Math.min(1, limit / (norm + 1e-6)) : 1;

/** One tensor's share of the fused pass. `count` is the number of updates including this one. */
export function applyUpdate(
  store: Store,
  { name }: TensorInfo,
  { rule, rate, decay, momentum, shift, threshold, perCoordinate, blocks }: UpdatePlan,
  { betas: [beta1, beta2], epsilon }: TrainingSettings,
  count: number,
  gradScale: number,
): void {
  const common = {
    lr: rate,
    decay,
    shift,
    gradScale,
    clearGradient: true,
    ...(threshold > 0 && !blocks && { threshold }),
  };
  if (rule === 'sgd') store.sgd(name, { ...common, momentum });
  else store.adamw(name, { ...common, beta1, beta2, eps: epsilon, step: count, metric: perCoordinate });
  if (threshold > 0 && blocks) store.shrinkBlocks(name, threshold);
}
