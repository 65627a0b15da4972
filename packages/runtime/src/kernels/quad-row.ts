// Rows of weights as quads have them: whole numbers up to LARGEST_QUAD, by the largest magnitude of the row. In plain loops, since
// iterators over millions of values take seconds.
import { LEAST, roundToEven } from './quantise-tokens.js';
import { LARGEST_QUAD } from './spmm-quads.js';

/** Writes a row's values through `write(index, value)`; returns what one unit of them is worth. */
export function quantiseQuadRow(
  values: Float32Array | Int8Array,
  write: (index: number, value: number) => void,
): number {
  let largest = LEAST;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]!));
  const factor = Math.fround(LARGEST_QUAD / Math.fround(largest));
  for (let i = 0; i < values.length; i++) write(i, roundToEven(Math.fround(values[i]! * factor)));
  return Math.fround(1 / factor);
}
