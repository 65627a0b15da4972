// When heads and neurons go, and how many each time: a stage's window is cut into as many equal parts as there are
// removals, each removal standing at the beginning of its part, so that training follows every one of them.
import { cubicSparsity } from './sparsity-schedule.js';

export const REMOVAL_SCHEDULES = ['one-shot', 'linear', 'cubic'] as const;
export type RemovalSchedule = (typeof REMOVAL_SCHEDULES)[number];

export interface Removals {
  readonly schedule: RemovalSchedule;
  readonly rounds: number;
  /** The window, as fractions of the stage. */
  readonly start: number;
  readonly end: number;
}

/** Fraction of the target that is gone after removal `round` of 1 .. rounds; cubic: 1 - (1 - round / rounds)^3. */
export function goneAfter(
  round: number,
  { schedule, rounds }: Pick<Removals, 'schedule' | 'rounds'>,
): number {
  if (schedule === 'one-shot') return 1;
  if (schedule === 'linear') return round / rounds;
  return cubicSparsity(round, { initial: 0, final: 1, start: 0, end: rounds });
}

/** Steps done at each removal, none before `first` and none after the last step. */
export function removalSteps(
  steps: number,
  first: number,
  { schedule, rounds, start, end }: Removals,
): number[] {
  const count = schedule === 'one-shot' ? 1 : rounds;
  return Array.from({ length: count }, (_, done) => {
    const at = Math.round(steps * (start + ((end - start) * done) / count));
    return Math.min(steps, Math.max(first, at));
  });
}
