// GELU(x) = x Phi(x), exact to f32: Phi by a rational approximation (constants.ts), in place.
import { defineFunction, f32x4, i32, type Local, v128 } from '../wasm/assembler.js';
import { constant, GELU_LIMIT, GELU_P, GELU_Q, HALF, NEAR_GELU_LIMIT, NEAR_GELU_R } from './constants.js';
import { count, kernel, multiplyAdd, type Views } from './kernel.js';

/** x f32 [n], n a multiple of 8. */
export const gelu = kernel({
  wasm: (_, fused) =>
    defineFunction({ x: 'i32', n: 'i32' }, (body, { x, n }) => {
      const madd = multiplyAdd(fused);
      body.range(x, i32.add(x, i32.shl(n, i32.const(2))), 32, (at) => {
        const xs = [0, 16].map((offset) => body.let(v128.load(at, offset)));
        const bounded = xs.map((value) =>
          body.let(f32x4.pmin(f32x4.pmax(value, constant(-GELU_LIMIT)), constant(GELU_LIMIT))),
        );
        const squares = bounded.map((value) => body.let(f32x4.mul(value, value)));
        const polynomial = (coefficients: readonly number[]): readonly Local<'v128'>[] => {
          const values = squares.map(() => body.let(constant(coefficients.at(-1)!)));
          for (const coefficient of coefficients.slice(0, -1).reverse())
            values.forEach((value, i) => body.set(value, madd(value, squares[i]!, constant(coefficient))));
          return values;
        };
        const [above, below] = [polynomial(GELU_P), polynomial(GELU_Q)];
        xs.forEach((value, i) => {
          const probability = madd(f32x4.div(above[i]!, below[i]!), bounded[i]!, constant(HALF));
          body.store(at, f32x4.mul(value, probability), 16 * i);
        });
      });
    }),
  twin: () => (memory, args) => {
    geluTwin(memory, args.x, args.n);
  },
});

/** GELU within 6e-5, for layers whose input is quantised to 16 bits or fewer: no division. */
export const geluNear = kernel({
  wasm: (_, fused) =>
    defineFunction({ x: 'i32', n: 'i32' }, (body, { x, n }) => {
      const madd = multiplyAdd(fused);
      const vectors = count(2);
      body.range(x, i32.add(x, i32.shl(n, i32.const(2))), 16 * vectors.length, (at) => {
        const xs = vectors.map((i) => body.let(v128.load(at, 16 * i)));
        const bounded = xs.map((value) =>
          body.let(f32x4.pmin(f32x4.pmax(value, constant(-NEAR_GELU_LIMIT)), constant(NEAR_GELU_LIMIT))),
        );
        const squares = bounded.map((value) => body.let(f32x4.mul(value, value)));
        const sums = squares.map(() => body.let(constant(NEAR_GELU_R.at(-1)!)));
        for (const coefficient of NEAR_GELU_R.slice(0, -1).reverse())
          sums.forEach((sum, i) => body.set(sum, madd(sum, squares[i]!, constant(coefficient))));
        xs.forEach((value, i) => {
          body.store(at, f32x4.mul(value, madd(sums[i]!, bounded[i]!, constant(HALF))), 16 * i);
        });
      });
    }),
  twin: () => (memory, args) => {
    geluTwin(memory, args.x, args.n);
  },
});

function geluTwin({ f32 }: Views, x: number, n: number): void {
  for (let i = x / 4; i < x / 4 + n; i++) f32[i] = f32[i]! * normalDistribution(f32[i]!);
}

/** Phi in f64: the series of erf about zero; beyond 8 it is 0 or 1 to f32. */
export function normalDistribution(x: number): number {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0;
  let sum = 0;
  // x + x^3/3 + x^5/(3 5) + ...: all terms have the same sign, none cancels.
  for (let term = x, n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2, term *= (x * x) / n) sum += term;
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
