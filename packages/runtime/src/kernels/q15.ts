// Rows of weights in 16-bit fixed point, so long that no sum can overflow. With |x| the length of a token and |w| that of a
// row, in integers, a sum of rounded products is at most |x| |w| / 2^15 + n / 2 (Cauchy-Schwarz), n the row's non-zeros;
// rounding adds at most sqrt(k) / 2 to a length of k lanes. Nothing has to be calibrated; a row of 307 non-zeros gives
// away 0.6 % of the range, one of 3,072 about 5 %.
import { roundToEven, TOKEN_LENGTH } from './quantise-tokens.js';

export const LARGEST = 32767;

/** Length of a token that is rounded, in so many columns. */
export const tokenLength = (columns: number): number => TOKEN_LENGTH + Math.sqrt(columns) / 2;

/** Length that a row of `nonzeros` out of `columns` is scaled to. */
export function rowLength(nonzeros: number, columns: number): number {
  return ((LARGEST - nonzeros / 2) * 2 ** 15) / tokenLength(columns) - Math.sqrt(nonzeros) / 2 - 1;
}

/** Writes a row's values as i16 through `write(index, value)`; returns what one unit of a sum is worth. */
export function quantiseRow(
  values: Float32Array | Int8Array,
  columns: number,
  write: (index: number, value: number) => void,
): number {
  const squares = [0, 0, 0, 0]; // the lanes of two vectors
  for (let i = 0; i < values.length; i++) squares[i % 4]! += values[i]! * values[i]!;
  const length = Math.sqrt(squares[0]! + squares[2]! + (squares[1]! + squares[3]!));
  if (length === 0) {
    for (let i = 0; i < values.length; i++) write(i, 0);
    return 0;
  }
  const factor = Math.min(rowLength(values.length, columns), LARGEST) / length;
  for (let i = 0; i < values.length; i++) write(i, roundToEven(values[i]! * factor));
  return 2 ** 15 / factor;
}
