// GELU(x) = x Phi(x) in place, Phi by polynomials (constants.ts): exact to f32, and as exact as quantised layers can tell.
import { defineFunction, f32x4, i32, v128 } from '../wasm/assembler.js';
import {
  constant,
  GELU_LIMIT,
  GELU_P,
  GELU_Q,
  HALF,
  NEAR_GELU_LIMIT,
  NEAR_GELU_R,
  ROUGH_GELU_LIMIT,
  ROUGH_GELU_R,
} from './constants.js';
import { kernel, multiplyAdd, storeAll, type Views } from './kernel.js';

/**
 * x f32 [n], n a multiple of 8. Phi(x) is 1/2 + t R(t^2), t = x within the limit, R a polynomial or the quotient of two, lowest
 * powers first.
 */
const geluBy = (limit: number, ...parts: readonly (readonly number[])[]) =>
  kernel({
    wasm: (_, fused) =>
      defineFunction({ x: 'i32', n: 'i32' }, (body, { x, n }) => {
        const madd = multiplyAdd(fused);
        body.range(x, i32.add(x, i32.shl(n, 2)), 32, (at) => {
          const xs = [0, 16].map((offset) => body.let(v128.load(at, offset)));
          const bounded = xs.map((value) =>
            body.let(f32x4.pmin(f32x4.pmax(value, constant(-limit)), constant(limit))),
          );
          const squares = bounded.map((value) => body.let(f32x4.mul(value, value)));
          const [above, below] = parts.map((coefficients) => {
            const values = squares.map(() => body.let(constant(coefficients.at(-1)!)));
            for (const coefficient of coefficients.slice(0, -1).reverse())
              values.forEach((value, i) => body.set(value, madd(value, squares[i]!, constant(coefficient))));
            return values;
          });
          const results = xs.map((value, i) => {
            const ratio = below ? f32x4.div(above![i]!, below[i]!) : above![i]!;
            return f32x4.mul(value, madd(ratio, bounded[i]!, constant(HALF)));
          });
          storeAll(body, at, results);
        });
      }),
    twin: () => (memory, args) => {
      geluTwin(memory, args.x, args.n);
    },
  });

export const gelu = geluBy(GELU_LIMIT, GELU_P, GELU_Q);

/** Within 7e-5, or 1e-5 of x where that is more, for layers whose input is quantised to 16 bits: no division. */
export const geluNear = geluBy(NEAR_GELU_LIMIT, NEAR_GELU_R);

/** Within 5e-4, or 6e-5 of x, for layers whose input is quantised to 7 bits. */
export const geluRough = geluBy(ROUGH_GELU_LIMIT, ROUGH_GELU_R);

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
