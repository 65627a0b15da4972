// Constants of the polynomials, read from the start of the memory: a load is cheaper there than an immediate vector.
import { type Expr, v128 } from '../wasm/assembler.js';

/** Added to a float below 2^22, leaves its nearest integer in the lowest bits: 1.5 * 2^23. */
export const ROUNDING = 12582912;
/** The same as bits. */
export const ROUNDING_BITS = 0x4b400000;

/**
 * Phi(x) - 1/2 = x P(x^2) / Q(x^2) on [-5.6, 5.6] within 1e-8, Phi the normal distribution function; lowest power first
 * (scripts/gelu_rational.py).
 */
export const GELU_LIMIT = 5.6;
export const GELU_P = [
  3.98942222e-1, 3.43755146e-2, 4.70721701e-3, 1.73843691e-4, 6.35639346e-6, 2.21452511e-8,
];
export const GELU_Q = [1, 2.52832351e-1, 2.89397324e-2, 1.91293955e-3, 7.50991671e-5, 1.18019968e-6];

export const HALF = 0.5;

/** GELU(x) = x (1/2 + t R(t^2)), t = x within this limit, to 7e-5; lowest power first (scripts/runtime_polynomials.py). */
export const NEAR_GELU_LIMIT = 4.1;
export const NEAR_GELU_R = [
  3.98557452e-1, -6.56819429e-2, 9.38393871e-3, -9.72990297e-4, 6.99675367e-5, -3.26873286e-6, 8.83168296e-8,
  -1.03996032e-9,
];

/** The same to 5e-4. */
export const ROUGH_GELU_LIMIT = 3.6;
export const ROUGH_GELU_R = [
  3.96831512e-1, -6.30239283e-2, 8.01732989e-3, -6.45379105e-4, 2.8948452e-5, -5.45895258e-7,
];

/** 2^x on [-1/2, 1/2] within 1.2e-7 of itself: its Taylor polynomial, lowest power first. */
export const EXP2 = [1, 1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720].map((of, power) => of * Math.LN2 ** power);

/** The same within 2.6e-6 (scripts/runtime_polynomials.py). */
export const NEAR_EXP2 = [0.99999925, 0.69312152, 0.24024763, 0.05591934, 0.00956979];
export const EXP2_LOWEST = -126; // 2^-126 is still a normal float

const CONSTANTS = [
  ...new Set([
    ROUNDING,
    GELU_LIMIT,
    -GELU_LIMIT,
    ...GELU_P,
    ...GELU_Q,
    HALF,
    NEAR_GELU_LIMIT,
    -NEAR_GELU_LIMIT,
    ...NEAR_GELU_R,
    ROUGH_GELU_LIMIT,
    -ROUGH_GELU_LIMIT,
    ...ROUGH_GELU_R,
    ...EXP2,
    ...NEAR_EXP2,
    EXP2_LOWEST,
  ]),
];

const START = 64;

/** Bytes at the start of every memory that belong to the constants. */
export const CONSTANT_BYTES = 512;

/** One of the constants in all four lanes. */
export function constant(value: number): Expr<'v128'> {
  const index = CONSTANTS.indexOf(value);
  if (index < 0) throw new RangeError(`${value} is not in the table of constants`);
  return v128.load32Splat(START + 4 * index);
}

export function writeConstants(memory: WebAssembly.Memory): void {
  new Float32Array(memory.buffer, START, CONSTANTS.length).set(CONSTANTS);
}
