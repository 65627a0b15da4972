// Sparsity over time: the cubic ramp of Zhu & Gupta (2017), used by Prune Once for All, and NIP's equal steps.

export interface Ramp {
  readonly initial: number;
  readonly final: number;
  /** First and last step of the ramp; constant before and after. */
  readonly start: number;
  readonly end: number;
}

/** s(t) = initial + (final - initial) * (1 - u^3), u = clip(1 - (t - start) / (end - start), 0, 1). */
export function cubicSparsity(step: number, { initial, final, start, end }: Ramp): number {
  const rest = end > start ? 1 - (step - start) / (end - start) : step < start ? 1 : 0;
  const u = Math.min(1, Math.max(0, rest));
  return initial + (final - initial) * (1 - u ** 3);
}

/** `increments` equal rises from initial to final, the last one at `end`. */
export function steppedSparsity(step: number, ramp: Ramp, increments: number): number {
  const { initial, final, start, end } = ramp;
  if (step < start) return initial;
  const interval = (end - start) / increments;
  const taken = interval > 0 ? Math.min(increments, Math.floor((step - start) / interval) + 1) : increments;
  return initial + ((final - initial) * taken) / increments;
}
