// Summaries of a few repeated measurements (seeds, timings), by their textbook definitions.

import { EspalierError } from '../errors.js';

function requireValues(name: string, values: ArrayLike<number>): void {
  if (values.length === 0) {
    throw new EspalierError(`${name}: expected at least one value, found none; check what was measured`);
  }
}

/** Arithmetic mean. Throws EspalierError when `values` is empty. */
export function mean(values: ArrayLike<number>): number {
  requireValues('mean', values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/**
 * Sample standard deviation (divisor n - 1), in the unit of the values. NaN for a single value, whose spread is
 * unknown rather than zero. Throws EspalierError when `values` is empty.
 */
export function standardDeviation(values: ArrayLike<number>): number {
  const centre = mean(values);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - centre) ** 2;
  return Math.sqrt(squares / (values.length - 1));
}

/** Standard error of the mean: standard deviation over sqrt(n). NaN for a single value. */
export function standardError(values: ArrayLike<number>): number {
  return standardDeviation(values) / Math.sqrt(values.length);
}

/** Median; the mean of the two middle values when their number is even. Throws EspalierError when empty. */
export function median(values: ArrayLike<number>): number {
  requireValues('median', values);
  const sorted = Float64Array.from(values).sort();
  const upper = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2;
}
