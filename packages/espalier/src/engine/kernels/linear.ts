// Scaling, accumulation and the sum of squares: the plain vector kernels, each with its twin.

import { defineFunction, type Expr, f32x4, f64, f64x2, i32, i32x4, v128 } from '@espalier/runtime/wasm';
import { eachVector, lanes } from './vectors.js';

const { fround } = Math;

/** x *= a. */
export const scale = defineFunction({ x: 'i32', n: 'i32', a: 'f32' }, (body, { x, n, a }) => {
  const factor = body.let(f32x4.splat(a));
  eachVector(body, n, 4, (at) => body.store(i32.add(x, at), f32x4.mul(lanes(x, at), factor)));
});

export function scaleTwin(x: Float32Array, a: number): void {
  for (let i = 0; i < x.length; i++) x[i] = x[i]! * fround(a);
}

/** y += a * x. */
export const accumulate = defineFunction(
  { y: 'i32', x: 'i32', n: 'i32', a: 'f32' },
  (body, { y, x, n, a }) => {
    const factor = body.let(f32x4.splat(a));
    eachVector(body, n, 4, (at) => {
      body.store(i32.add(y, at), f32x4.add(lanes(y, at), f32x4.mul(factor, lanes(x, at))));
    });
  },
);

export function accumulateTwin(y: Float32Array, x: Float32Array, a: number): void {
  for (let i = 0; i < y.length; i++) y[i] = y[i]! + fround(fround(a) * x[i]!);
}

/**
 * Sum of x_i^2 in f64, where the square of a float is exact. Eight partial sums, one for each i mod 8, so that
 * consecutive additions do not wait for each other.
 */
export const sumOfSquares = defineFunction({ x: 'i32', n: 'i32' }, (body, { x, n }) => {
  const zero = i32x4.const(0, 0, 0, 0);
  const sums = [zero, zero, zero, zero].map((start) => body.let(start));
  eachVector(body, n, 8, (at) => {
    const start = body.let(i32.add(x, at));
    sums.forEach((sum, pair) => {
      const two = body.let(f64x2.promoteLow(v128.load64Zero(start, 8 * pair)));
      body.set(sum, f64x2.add(sum, f64x2.mul(two, two)));
    });
  });
  const total = body.let(sums.reduce<Expr<'v128'>>((sum, part) => f64x2.add(sum, part), zero));
  return f64.add(f64x2.extractLane(total, 0), f64x2.extractLane(total, 1));
});

export function sumOfSquaresTwin(x: Float32Array): number {
  const s = new Float64Array(8);
  for (let i = 0; i < x.length; i++) s[i % 8] = s[i % 8]! + x[i]! * x[i]!;
  return s[0]! + s[2]! + s[4]! + s[6]! + (s[1]! + s[3]! + s[5]! + s[7]!);
}
