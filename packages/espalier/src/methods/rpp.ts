// Reweighted Proximal Pruning (Guo et al., 2019): weighted L1 by a proximal step after AdamW's, never in the
// gradient; the weights of the penalty are refreshed between rounds as 1 / (|w| + eps).
//
// What the paper leaves open is decided here and can be changed by options:
// - The penalty gamma is not known, so it is solved for the target: an integral controller follows a sparsity ramp
//   and is corrected at every check. The last gap is closed by one proximal step at the exact quantile and
//   reported as `finalAdjustment`.
// - Factors are normalised so that a weight at zero has factor 1 (eps / (|w| + eps)): gamma is then in units of
//   Adam's own step, and the same gamma fits every round. `normalise: none` is the bare formula.
// - eps is relative to each matrix's standard deviation.
// - With pattern 1x4 all of it holds for blocks: their norm (root of the mean square) stands where |w| did, and the
//   operator is that of the reweighted group lasso. On that scale gamma means what it means for single weights.
import { z } from 'zod';
import {
  blockCheck,
  blockOption,
  columnsOf,
  type Pattern,
  patternMagnitudes,
  reachedCount,
} from './block-pattern.js';
import type { Method, MethodState, StageContext } from './method.js';
import { patternOption, prunableNames, sparsityOption } from './prunable.js';
import { kthSmallest } from './ranking.js';
import { zeroFraction } from '../engine/pattern.js';
import { cubicSparsity } from './sparsity-schedule.js';

const fields = z.strictObject({
  sparsity: sparsityOption.default(0.8),
  rounds: z.int().positive().default(10).describe('reweighting rounds; factors are 1 in the first'),
  epsilon: z
    .number()
    .positive()
    .default(0.1)
    .describe("reweighting epsilon, as a fraction of each matrix's standard deviation at the start"),
  normalise: z
    .enum(['zero', 'median', 'none'])
    .default('zero')
    .describe('scale of the factors: 1 for a weight at zero, median 1 per matrix, or the bare formula'),
  metric: z
    .enum(['scalar', 'per-coordinate'])
    .default('scalar')
    .describe("threshold lr*gamma*factor, or divided by Adam's denominator"),
  ramp: z.number().gt(0).max(1).default(0.7).describe('fraction of the stage over which sparsity rises'),
  gamma: z.number().positive().optional().describe('fixed penalty; default: solved for the target'),
  checks: z.int().positive().default(100).describe('corrections of the penalty over the stage'),
  pattern: blockOption,
  names: patternOption,
});

const options = fields.refine(({ pattern, metric }) => pattern === 'unstructured' || metric === 'scalar', {
  error: 'expected scalar with pattern 1x4: one threshold shrinks a block',
  path: ['metric'],
});

export type RppOptions = z.infer<typeof options>;

/** 1 / (|w| + eps), scaled; `epsilon` is absolute here. `weights` may be the norms of blocks. Writes into `factors`. */
export function reweight(
  weights: Float32Array,
  epsilon: number,
  normalise: RppOptions['normalise'],
  factors: Float32Array,
): void {
  for (let i = 0; i < weights.length; i++) factors[i] = 1 / (Math.abs(weights[i]!) + epsilon);
  if (normalise === 'none') return;
  const unit = normalise === 'zero' ? 1 / epsilon : kthSmallest([factors], Math.ceil(factors.length / 2));
  for (let i = 0; i < factors.length; i++) factors[i]! /= unit;
}

/** State of the controller that finds the penalty; plain numbers, so that it is checkpointed. */
export interface PenaltyController {
  gamma: number;
  /** Sparsity measured at the last check. */
  measured: number;
}

/**
 * The next penalty. `error` is wanted minus measured sparsity, `drift` how much the measured sparsity rose since the
 * last check and `wantedRise` how much it should have risen. Both act on log gamma: the drift term alone would
 * leave an offset, the error term alone would overshoot.
 */
export function correctPenalty(gamma: number, error: number, drift: number, wantedRise: number): number {
  const exponent = 12 * error + 12 * (wantedRise - drift);
  return gamma * Math.exp(Math.min(0.5, Math.max(-0.5, exponent)));
}

/**
 * Once the target is reached, gamma does not fall below this where factors are 1 at zero: a step of Adam is about one
 * rate long, so with a smaller gamma the zeros escape all at once.
 */
const HOLDING_PENALTY = 0.6;

export const rpp: Method<RppOptions> = {
  name: 'rpp',
  title: 'Reweighted Proximal Pruning: weighted L1 by a proximal operator beside AdamW',
  paper: 'Guo et al. 2019, arXiv 1909.12486',
  options,
  provenance: {
    sparsity: 'ours',
    rounds: 'unconfirmed',
    epsilon: 'unconfirmed',
    normalise: 'ours',
    metric: 'unconfirmed',
    ramp: 'ours',
    gamma: 'unconfirmed',
    checks: 'ours',
    pattern: 'ours',
    names: 'paper',
  },
  create: (chosen) => {
    const { sparsity, rounds, normalise, metric, pattern, gamma: fixed } = chosen;
    let names: readonly string[] = [];
    let prunable = new Set<string>();
    const controller = (stage: StageContext): MethodState<PenaltyController> =>
      stage.state('rpp.controller', { gamma: fixed ?? 0, measured: 0 });
    const epsilons = (stage: StageContext): MethodState<number[]> =>
      stage.state<number[]>('rpp.epsilons', []);
    const weightsOf = ({ store }: StageContext): Float32Array[] =>
      names.map((name) => store.view(name, 'weight'));
    const wanted = (stage: StageContext, step: number): number =>
      cubicSparsity(step, { initial: 0, final: sparsity, start: 0, end: chosen.ramp * stage.steps });

    const magnitudesOf = (stage: StageContext, name: string): Float32Array =>
      patternMagnitudes(stage.store.view(name, 'weight'), columnsOf(stage, name), pattern);

    return {
      zeros: 'made',
      ...blockCheck(pattern, chosen.names),
      declare(stage) {
        names = prunableNames(stage, chosen.names);
        prunable = new Set(names);
        stage.factor(names);
        controller(stage);
        epsilons(stage);
      },
      begin(stage) {
        const weights = weightsOf(stage);
        epsilons(stage).value = weights.map((array) => chosen.epsilon * deviation(array));
        controller(stage).value = {
          gamma: fixed ?? firstPenalty(stage, () => names.map((name) => magnitudesOf(stage, name)), wanted),
          measured: zeroFraction(weights),
        };
      },
      update(step, tensor, plan) {
        if (!prunable.has(tensor.name)) return plan;
        const { gamma } = controller(step).value;
        const perCoordinate = metric === 'per-coordinate';
        return { ...plan, threshold: plan.rate * gamma, perCoordinate, blocks: pattern === '1x4' };
      },
      afterStep(step) {
        const done = step.step + 1;
        const interval = Math.max(1, Math.floor(step.steps / chosen.checks));
        if (done % interval === 0) {
          const state = controller(step).value;
          const measured = zeroFraction(weightsOf(step));
          // Hardly a block is near zero at first: corrections before the first penalty has acted would only pile up.
          const waits = pattern === '1x4' && done <= step.steps / 10;
          if (fixed === undefined && !waits) {
            const ahead = wanted(step, Math.min(step.steps, done + interval));
            const rise = ahead - wanted(step, done);
            const error = wanted(step, done) - measured;
            const next = correctPenalty(state.gamma, error, measured - state.measured, rise);
            const single = metric === 'scalar' && pattern === 'unstructured';
            const holds = rise === 0 && normalise === 'zero' && single;
            state.gamma = holds ? Math.max(next, HOLDING_PENALTY) : next;
          }
          state.measured = measured;
          step.report({ sparsity: measured, gamma: state.gamma });
        }
        if (endsRound(done, chosen.ramp * step.steps, rounds)) {
          for (const [index, name] of names.entries()) {
            reweight(
              magnitudesOf(step, name),
              epsilons(step).value[index]!,
              normalise,
              step.store.view(name, 'factor'),
            );
          }
        }
      },
      onTarget: () => false, // the last gap is closed after the stage
      afterStage(stage) {
        const weights = weightsOf(stage);
        const reached = zeroFraction(weights);
        closeGap(stage, names, sparsity, pattern);
        const adjustment = Math.abs(sparsity - reached);
        stage.report({ finalAdjustment: adjustment, sparsity: zeroFraction(weights) });
        if (adjustment > 0.01) {
          stage.warn(
            `rpp: the penalty reached ${(100 * reached).toFixed(1)} % of zeros, the target is ` +
              `${(100 * sparsity).toFixed(1)} %; the last proximal step moved the rest at once. ` +
              'More steps or a longer hold (a lower "ramp") would close the gap.',
          );
        }
      },
    };
  },
};

/**
 * True when `done` steps end one of the first `rounds - 1` rounds. They share the ramp; the last round is the rest of
 * the stage, because refreshed factors disturb the sparsity, which must settle.
 */
function endsRound(done: number, rampSteps: number, rounds: number): boolean {
  const length = rampSteps / Math.max(1, rounds - 1);
  const round = Math.round(done / length);
  return round >= 1 && round < rounds && Math.round(round * length) === done;
}

function deviation(array: Float32Array): number {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < array.length; i++) {
    sum += array[i]!;
    squares += array[i]! * array[i]!;
  }
  const mean = sum / array.length;
  return Math.sqrt(squares / array.length - mean * mean);
}

/**
 * First penalty: with factors of 1 a weight without gradient shrinks by gamma times the sum of the rates, so gamma
 * is the magnitude quantile wanted at the first tenth of the stage over that sum.
 */
function firstPenalty(
  stage: StageContext,
  magnitudes: () => readonly Float32Array[],
  wanted: (stage: StageContext, step: number) => number,
): number {
  const horizon = Math.max(2, Math.ceil(stage.steps / 10)); // the first rate of a warm-up is 0
  let rates = 0;
  for (let step = 0; step < horizon; step++) rates += stage.rateAt(step);
  const found = magnitudes();
  const total = found.reduce((sum, { length }) => sum + length, 0);
  const count = Math.max(1, Math.floor(wanted(stage, horizon) * total));
  const quantile = kthSmallest(found, count);
  return rates > 0 ? quantile / rates : 0;
}

/**
 * One more proposal of Adam, at the mean rate of the stage, and one proximal step at the exact quantile: weights
 * become zero where zeros are missing, and the zeros with the strongest pull return where there are too many.
 */
function closeGap(stage: StageContext, names: readonly string[], sparsity: number, pattern: Pattern): void {
  const { store, steps } = stage;
  const rate = stage.rateAt(Math.floor(steps / 2));
  const proposals = names.map((name) => {
    const [w, m, v] = [store.view(name, 'weight'), store.view(name, 'm'), store.view(name, 'v')];
    return w.map((weight, i) => weight - (rate * m[i]!) / (Math.sqrt(v[i]!) + 1e-8));
  });
  const sizes = proposals.map((array, index) =>
    patternMagnitudes(array, columnsOf(stage, names[index]!), pattern),
  );
  const factors = names.map((name) => store.view(name, 'factor'));
  const total = proposals.reduce((sum, { length }) => sum + length, 0);
  const count = reachedCount(Math.floor(sparsity * total), pattern);
  if (count < 1) return;
  // The penalty that removes weight i is |a_i| / factor_i; |a_i| is the norm of the block where blocks go.
  const scores = sizes.map((array, index) => array.map((size, i) => size / factors[index]![i]!));
  const penalty = kthSmallest(scores, count);
  for (const [index, name] of names.entries()) {
    const weights = store.view(name, 'weight');
    for (let i = 0; i < weights.length; i++) {
      const [a, size] = [proposals[index]![i]!, sizes[index]![i]!];
      const rest = size - penalty * factors[index]![i]!;
      const stays = rest > 0 && scores[index]![i]! > penalty;
      weights[i] = stays ? (pattern === '1x4' ? a * (rest / size) : Math.sign(a) * rest) : 0;
    }
  }
}
