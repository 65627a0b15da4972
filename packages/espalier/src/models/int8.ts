// The host's side of 8-bit quantisation, in the float32 arithmetic of the graph: scales from extreme values as
// PyTorch's observers compute them, and the rounding of weights.
import { roundHalfEven } from '../graph/ops/round-half-even.js';
import type { AffineRange } from './quantisation.js';

/** Smallest scale: the epsilon of float32, as in PyTorch. What is zero everywhere still has a scale. */
export const SMALLEST_SCALE = 2 ** -23;

const { fround } = Math;

/** The uint8 range over `low` to `high`, widened to hold zero exactly. */
export function affineRange(low: number, high: number): AffineRange {
  const least = Math.min(fround(low), 0);
  const scale = Math.max(fround(fround(Math.max(fround(high), 0) - least) / 255), SMALLEST_SCALE);
  const zeroPoint = roundHalfEven(fround(-least / scale));
  return { scale, zeroPoint: Math.max(0, Math.min(255, zeroPoint)) };
}

/** The int8 scale of weights whose largest magnitude is `largest`. */
export const symmetricScale = (largest: number): number =>
  Math.max(fround(fround(largest) / 127), SMALLEST_SCALE);

/** Largest magnitude in the matrix, or in each of its rows. */
export function largestMagnitudes(data: Float32Array, count: number): number[] {
  const width = data.length / count;
  return Array.from({ length: count }, (_, row) => {
    let largest = 0;
    for (let i = row * width; i < (row + 1) * width; i++) largest = Math.max(largest, Math.abs(data[i]!));
    return largest;
  });
}

/** Weights as int8 in -127..127, with one scale or one per row. Zero becomes zero. */
export function toInt8(data: Float32Array, scales: readonly number[]): Int8Array {
  const width = data.length / scales.length;
  const result = new Int8Array(data.length);
  for (const [row, scale] of scales.entries()) {
    for (let i = row * width; i < (row + 1) * width; i++) {
      result[i] = Math.max(-127, Math.min(127, roundHalfEven(fround(data[i]! / scale))));
    }
  }
  return result;
}

/** Steps of an int32 bias: the unit of the sums it is added to, input scale times each weight scale. */
export const biasSteps = (weightScales: readonly number[], input: AffineRange): number[] =>
  weightScales.map((scale) => fround(fround(scale) * fround(input.scale)));
