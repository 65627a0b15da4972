// exp of the lanes of a vector, within a few units of the last place: 2^n times a polynomial of the rest.
import { type Body, type Expr, f32x4, i32x4, type Local } from '../wasm/assembler.js';
import { constant, EXP, EXP2, EXP2_LOWEST, EXP_LOWEST, LN_2, LOG2_E, ROUNDING } from './constants.js';
import { multiplyAdd } from './kernel.js';

/** exp of several vectors, x <= 0, in step with one another so that none waits for its own results. */
export function expLanes(body: Body, fused: boolean, xs: readonly Expr<'v128'>[]): readonly Local<'v128'>[] {
  const madd = multiplyAdd(fused);
  const bounded = xs.map((x) => body.let(f32x4.pmax(x, constant(EXP_LOWEST))));
  // The power of two stands in the lowest bits of the rounded sum.
  const rounded = bounded.map((x) => body.let(madd(x, constant(LOG2_E), constant(ROUNDING))));
  const rests = bounded.map((x, i) =>
    body.let(madd(f32x4.sub(rounded[i]!, constant(ROUNDING)), constant(-LN_2), x)),
  );
  const powers = rests.map(() => body.let(constant(EXP[0]!)));
  for (const coefficient of EXP.slice(1))
    powers.forEach((power, i) => body.set(power, madd(power, rests[i]!, constant(coefficient))));
  return powers.map((power, i) => body.let(i32x4.add(power, i32x4.shl(rounded[i]!, 23))));
}

/** 2^x of several vectors, x <= 0, within 3e-6 of itself. */
export function exp2Lanes(body: Body, fused: boolean, xs: readonly Expr<'v128'>[]): readonly Local<'v128'>[] {
  const madd = multiplyAdd(fused);
  const bounded = xs.map((x) => body.let(f32x4.pmax(x, constant(EXP2_LOWEST))));
  const rounded = bounded.map((x) => body.let(f32x4.add(x, constant(ROUNDING))));
  const rests = bounded.map((x, i) => body.let(f32x4.sub(x, f32x4.sub(rounded[i]!, constant(ROUNDING)))));
  const powers = rests.map(() => body.let(constant(EXP2.at(-1)!)));
  for (const coefficient of EXP2.slice(0, -1).reverse())
    powers.forEach((power, i) => body.set(power, madd(power, rests[i]!, constant(coefficient))));
  return powers.map((power, i) => body.let(i32x4.add(power, i32x4.shl(rounded[i]!, 23))));
}
