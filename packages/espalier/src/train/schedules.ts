// Learning-rate schedules: linear warm-up, then linear decay to zero (Devlin et al., 2018), cosine, or constant.
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
