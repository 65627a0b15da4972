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

/** `increments` equal rises from initial to final, each at the end of an interval; the last one at `end`. */
export function steppedSparsity(
  step: number,
  { initial, final, start, end }: Ramp,
  increments: number,
): number {
  if (step >= end) return final;
  // Multiplied before divided: with whole numbers the quotient is exact where a rise is due.
  const taken = Math.max(0, Math.floor((increments * (step - start)) / (end - start)));
  return initial + ((final - initial) * taken) / increments;
}
