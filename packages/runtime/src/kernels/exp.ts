// 2^x of the lanes of vectors: 2^n times a polynomial of the rest.
import { type Body, type Expr, f32x4, i32x4, type Local } from '../wasm/assembler.js';
import { constant, EXP2_LOWEST, ROUNDING } from './constants.js';
import { multiplyAdd } from './kernel.js';

/**
 * 2^x of several vectors, x <= 0, by one of the polynomials in constants.ts, in step with one another so that none waits for its own
 * results.
 */
export function exp2Lanes(
  body: Body,
  fused: boolean,
  xs: readonly Expr<'v128'>[],
  polynomial: readonly number[],
): readonly Local<'v128'>[] {
  const madd = multiplyAdd(fused);
  const bounded = xs.map((x) => body.let(f32x4.pmax(x, constant(EXP2_LOWEST))));
  // The power of two stands in the lowest bits of the rounded sum.
  const rounded = bounded.map((x) => body.let(f32x4.add(x, constant(ROUNDING))));
  const rests = bounded.map((x, i) => body.let(f32x4.sub(x, f32x4.sub(rounded[i]!, constant(ROUNDING)))));
  const powers = rests.map(() => body.let(constant(polynomial.at(-1)!)));
  for (const coefficient of polynomial.slice(0, -1).reverse())
    powers.forEach((power, i) => body.set(power, madd(power, rests[i]!, constant(coefficient))));
  return powers.map((power, i) => body.let(i32x4.add(power, i32x4.shl(rounded[i]!, 23))));
}
