// Adapting by Pruning (Gao, Colombo and Wang, 2021): a mask over weights that rest for ever, learned through logits by
// gradient descent with a constant push towards 0, and a small head beside it. Once the target sparsity is exceeded the
// mask is fixed and the head goes on alone.
//
// What the paper leaves open, or what cannot be as it says, is decided here:
// - Its push gamma and rate alpha reach a target only after tens of thousands of steps, so the push is solved for a
//   linear ramp to the target by default; `gamma` fixes it.
// - Logits start at mean 0.01 and *standard deviation* 0.001: with that variance 38 % of them would begin pruned.
import { z } from 'zod';
import { mul } from '../graph/ops/index.js';
import { random } from '../random.js';
import { sizeOf } from '../tensor/tensor.js';
import { adapterScope, scopeOptions, scopeProvenance } from './adapter-scope.js';
import { hardMask, relaxedMask, settle, shiftFor, type Survivors, survivors } from './mask-logits.js';
import type { Method, MethodState, StageContext } from './method.js';

const options = z
  .strictObject({
    ...scopeOptions,
    rule: z.enum(['sgd', 'adamw']).default('sgd').describe('optimiser of the mask logits'),
    alpha: z
      .number()
      .positive()
      .default(10)
      .describe("peak rate of the mask logits; follows the stage's schedule"),
    gamma: z
      .union([z.literal('auto'), z.number().min(0)])
      .default('auto')
      .describe(
        'push on every logit, each step: solved for the target, or a peak value that follows the schedule',
      ),
    start: z
      .number()
      .min(0)
      .lt(1)
      .default(0.1)
      .describe('auto: where the ramp begins, as a fraction of the stage'),
    end: z
      .number()
      .gt(0)
      .max(1)
      .default(0.7)
      .describe('auto: where the target is reached, as a fraction of the stage'),
    tForward: z.number().positive().default(1e5).describe('temperature of the sigmoid in the forward pass'),
    tBackward: z.number().positive().default(1).describe('temperature of the sigmoid in the backward pass'),
    init: z
      .enum(['normal', 'uniform', 'constant'])
      .default('normal')
      .describe('first logits: normal, uniform over 0 to twice the mean, or all equal to it'),
    mean: z.number().positive().default(0.01).describe('mean of the first logits'),
    deviation: z.number().min(0).default(0.001).describe('standard deviation of the first logits, if normal'),
    recovery: z.boolean().default(true).describe('whether a pruned weight may come back'),
  })
  .refine(({ start, end }) => start < end, { error: 'expected an end after the start', path: ['end'] });

export type AdaptOptions = z.infer<typeof options>;

/** State of the stage; plain numbers, so that it is checkpointed. */
interface Progress {
  /** Present push, where it is solved for. */
  gamma: number;
  /** Fraction of pruned weights. */
  sparsity: number;
  /** Steps done when the mask was fixed; null before. */
  fixed: number | null;
}

/** Corrections of a solved push over the ramp. */
const CHECKS = 50;

const ADAPTING = 'adapting';
const FIXED = 'fixed';

export const thetaOf = (name: string): string => `theta:${name}`;

export const adapt: Method<AdaptOptions> = {
  name: 'adapt',
  title: 'Adapting by Pruning: a learned mask over resting weights, and a head',
  paper: 'Gao, Colombo and Wang 2021, arXiv 2105.03343',
  options,
  provenance: {
    ...scopeProvenance,
    rule: 'paper',
    alpha: 'ours',
    gamma: 'ours',
    start: 'ours',
    end: 'ours',
    tForward: 'paper',
    tBackward: 'paper',
    init: 'paper',
    mean: 'paper',
    deviation: 'ours',
    recovery: 'paper',
  },
  create: (chosen) => {
    const { sparsity, rule, alpha, tForward, recovery } = chosen;
    const scope = adapterScope(chosen);
    let masked = new Set<string>();
    let progress: MethodState<Progress> = { value: { gamma: 0, sparsity: 0, fixed: null } };
    const thetas = ({ store }: StageContext): Float32Array[] =>
      scope.masked.map((name) => store.view(thetaOf(name), 'weight'));
    /** Weights that were never pruned: the mask of a resting tensor is applied to nothing. */
    const never = ({ store }: StageContext): Uint8Array[] => scope.masked.map((name) => store.mask(name));
    const isFixed = (): boolean => progress.value.fixed !== null;

    return {
      zeros: 'kept',
      check: (model) => scope.check(model),
      prepare: (model) => scope.prepare(model),
      declare(stage) {
        scope.declare(stage);
        masked = new Set(scope.masked);
        stage.freeze(scope.body);
        stage.mask(scope.masked);
        progress = stage.state('adapt', progress.value);
        for (const { name, shape } of stage.tensors.filter((tensor) => masked.has(tensor.name))) {
          stage.parameter(thetaOf(name), shape, () => new Float32Array(sizeOf(shape)), 'theta');
        }
      },
      begin(stage) {
        scope.begin(stage);
        for (const name of scope.masked) firstLogits(stage, name, chosen);
        progress.value = { gamma: nextPush(stage, thetas(stage), 0, chosen) ?? 0, sparsity: 0, fixed: null };
      },
      variants: [ADAPTING, FIXED],
      variant: () => (isFixed() ? FIXED : ADAPTING),
      build: (graph) => ({
        weight(node, name, restrict) {
          if (!masked.has(name)) return node;
          const theta = restrict(graph.parameter(thetaOf(name)));
          const learns = graph.training && graph.variant === ADAPTING;
          return mul(node, learns ? relaxedMask(theta, chosen) : hardMask(theta));
        },
      }),
      update(_step, { group }, plan) {
        if (group !== 'theta') return scope.headPlan(plan);
        if (isFixed()) return { ...plan, rule, decay: 0, rate: 0 };
        const shift = chosen.gamma === 'auto' ? progress.value.gamma : scope.atPeak(plan, chosen.gamma).rate;
        return { ...scope.atPeak(plan, alpha), rule, decay: 0, shift };
      },
      afterStep(step) {
        if (isFixed()) return;
        const [logits, unpruned] = [thetas(step), never(step)];
        const count = (): number =>
          logits.reduce((sum, theta, i) => sum + settle(theta, unpruned[i]!, recovery), 0) / total(logits);
        const done = step.step + 1;
        let reached = count();
        if (chosen.gamma === 'auto' && done === rampOf(step, chosen).last && reached <= sparsity) {
          step.report({ finalAdjustment: sparsity - reached });
          const push = shiftFor(logits, sparsity, 1);
          for (const theta of logits) for (let i = 0; i < theta.length; i++) theta[i]! -= push;
          reached = count();
        }
        const gamma = nextPush(step, logits, done, chosen) ?? progress.value.gamma;
        progress.value = { gamma, sparsity: reached, fixed: reached > sparsity ? done : null };
        step.report({ sparsity: reached, ...(chosen.gamma === 'auto' && { gamma }) });
      },
      onTarget: () => isFixed(),
      afterStage(stage) {
        const counts = thetas(stage).map((theta, i) => survivors(theta, never(stage)[i]!, tForward));
        const sum = (of: (count: Survivors) => number): number =>
          counts.reduce((before, count) => before + of(count), 0);
        const kept = sum((count) => count.kept);
        const recovered = sum((count) => count.recovered);
        const { sparsity: reached, fixed } = progress.value;
        const unclear = isFixed() ? 0 : sum((count) => count.fractional);
        stage.report({
          sparsity: reached,
          recovered,
          recoveredShare: kept > 0 ? recovered / kept : 0,
          fractional: unclear,
          ...(fixed !== null && { fixed }),
        });
        if (fixed === null) stage.warn(missedTarget(reached, sparsity));
        if (unclear > 0) stage.warn(unclearMasks(unclear));
      },
      finish(model, stage) {
        const tensors = new Map(model.tensors);
        for (const [i, theta] of thetas(stage).entries()) {
          const name = scope.masked[i]!;
          const tensor = tensors.get(name)!;
          tensors.set(name, { ...tensor, data: tensor.data.map((w, k) => (theta[k]! > 0 ? w : 0)) });
        }
        return { ...model, tensors };
      },
    };
  },
};

function firstLogits(
  { seed, store }: StageContext,
  name: string,
  { init, mean, deviation }: AdaptOptions,
): void {
  const theta = store.view(thetaOf(name), 'weight');
  const words = random(seed, 'adapt', name);
  const key = [words.uint32(), words.uint32(), words.uint32()] as const;
  if (init === 'normal') store.fillNormal(theta, mean, deviation, key);
  else if (init === 'uniform') store.fillUniform(theta, 0, 2 * mean, key);
  else theta.fill(mean);
}

const total = (arrays: readonly Float32Array[]): number =>
  arrays.reduce((sum, { length }) => sum + length, 0);

/** Steps done when the ramp of a solved push begins, when it ends, and between two corrections. */
function rampOf(
  { steps }: StageContext,
  { start, end }: AdaptOptions,
): { readonly first: number; readonly last: number; readonly interval: number } {
  const last = Math.max(1, Math.round(end * steps));
  const first = Math.min(last - 1, Math.round(start * steps));
  return { first, last, interval: Math.max(1, Math.floor((last - first) / CHECKS)) };
}

/**
 * The push from `done` steps on, where it is time to solve for it again: what takes the logits to the sparsity that the
 * ramp wants at the next correction. What is missing when the ramp ends is pushed at once, after the last update.
 */
function nextPush(
  stage: StageContext,
  thetas: readonly Float32Array[],
  done: number,
  chosen: AdaptOptions,
): number | undefined {
  if (chosen.gamma !== 'auto') return undefined;
  const { first, last, interval } = rampOf(stage, chosen);
  if (done < first) return 0;
  if (done >= last || (done - first) % interval !== 0) return undefined;
  const ahead = Math.min(interval, last - done);
  return shiftFor(thetas, (chosen.sparsity * (done + ahead - first)) / (last - first), ahead);
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)} %`;

const missedTarget = (reached: number, sparsity: number): string =>
  `adapt: ${percent(reached)} of the weights are pruned, the target is ${percent(sparsity)}; the mask was never ` +
  'fixed. A higher "gamma" (or gamma=auto), or more steps, would reach it.';

const unclearMasks = (count: number): string =>
  `adapt: ${count} masks were still between 0 and 1 in training, and are rounded in the result; ` +
  'a higher "tForward" or a fixed mask (reach the target) leaves none.';
