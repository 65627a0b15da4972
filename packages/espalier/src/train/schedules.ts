// Learning-rate schedules: linear warm-up, then linear decay to zero (Devlin et al., 2018), cosine, or constant; and
// the rewinding of Prune Once for All (Zafrir et al., 2021, as in its code).
import { UsageError } from '../errors.js';
import type { ScheduleName } from './settings.js';

export interface ScheduleOptions {
  readonly steps: number;
  /** Fraction of the steps spent rising from 0. */
  readonly warmup: number;
  readonly schedule: ScheduleName;
}

/** Factor of the peak rate at 0-based `step`. As in transformers, the first step of a warm-up has factor 0. */
export function rateFactor(step: number, { steps, warmup, schedule }: ScheduleOptions): number {
  const rising = Math.round(warmup * steps);
  if (step < rising) return step / rising;
  const remaining = Math.max(0, (steps - step) / Math.max(1, steps - rising));
  if (schedule === 'constant') return 1;
  if (schedule === 'cosine') return 0.5 * (1 + Math.cos(Math.PI * (1 - remaining)));
  return remaining;
}

/** Everything in steps. */
export interface RewindOptions {
  readonly steps: number;
  readonly warmup: number;
  /** The pruning window: `start` is its first step, `end` the first one after it. */
  readonly start: number;
  readonly end: number;
  /** Steps between two mask updates; the rate goes back at each of them. */
  readonly interval: number;
}

/**
 * Factor of the peak rate at 0-based `step` with learning-rate rewinding: warm-up, then in the window a sawtooth from
 * the peak of a decay over the steps outside it, then that decay. It exceeds 1 by (steps outside the window) over
 * (those less the warm-up), since the decay is counted from its own step 0. Throws UsageError where the window and the
 * warm-up leave no step.
 */
export function rewindFactor(step: number, { steps, warmup, start, end, interval }: RewindOptions): number {
  const outside = steps - (end - start);
  if (outside <= warmup) {
    throw new UsageError(
      `learning-rate rewinding: a warm-up of ${warmup} steps and a pruning window of ${end - start} leave nothing ` +
        `of ${steps} steps for the decay; use more steps, shorten one of them, or set rewind to false`,
    );
  }
  if (step < warmup) return step / warmup;
  const since = Math.floor((step - start) / interval) * interval;
  const decayed =
    step < start ? outside - step : step < end ? outside - step + since : /* after it */ steps - step;
  return Math.max(0, decayed / (outside - warmup));
}
