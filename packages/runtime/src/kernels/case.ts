// What a made-up input for a kernel is, and the numbers that it is made of.
import type { Params } from '../wasm/assembler.js';
import type { Args, Shape, Views } from './kernel.js';
import { TOKEN_LENGTH } from './quantise-tokens.js';

export interface Sizes {
  readonly rows: number;
  readonly columns: number;
  /** Chance that a weight or a block is there. */
  readonly density: number;
  /** Tokens of the sequence and heads, for attention. */
  readonly tokens: number;
  readonly heads: number;
}

/** Numbers uniform in [0, 1). */
export type Uniform = () => number;

/** A linear congruential generator (Knuth's MMIX constants, lower half of a product). */
export function uniform(seed: number): Uniform {
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface Output {
  readonly type: 'f32' | 'i16' | 'i8' | 'u8';
  /** Address. */
  readonly at: number;
  /** Numbers. */
  readonly length: number;
  /** How far f32 may be off, of 1 or of the largest where that is more; without it, of the largest by rounding alone. */
  readonly tolerance?: number;
}

/** Arguments of a kernel, and where its results stand. */
export interface Case<P extends Params> {
  readonly args: Args<P>;
  readonly outputs: readonly Output[];
}

export interface Setup {
  readonly memory: Views;
  readonly shape: Shape;
  readonly sizes: Sizes;
  readonly random: Uniform;
  /** Whether int8 values stand as i16. */
  readonly wide: boolean;
}

type Numbers = Float32Array | Int32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

/** Copies arrays to aligned places after the constants; returns their addresses. */
export function placeAll<K extends string>(
  { u8 }: Views,
  arrays: Readonly<Record<K, Numbers>>,
): Record<K, number> {
  let top = 1024;
  const placed = Object.entries<Numbers>(arrays).map(([name, { buffer, byteLength }]) => {
    const at = top;
    u8.set(new Uint8Array(buffer), at);
    top += Math.ceil(byteLength / 64) * 64 + 64;
    return [name, at];
  });
  return Object.fromEntries(placed) as Record<K, number>;
}

/** Of sums in another order and of other rounding. */
export const ROUNDED = 1e-5;

/** Numbers of about 1, some of which may nearly cancel. */
export const f32Output = (at: number, length: number, tolerance = ROUNDED): Output => ({
  ...{ type: 'f32', at, length, tolerance },
});

export const signed = (random: Uniform): number => 2 * random() - 1;

/** Numbers uniform in [-1, 1), and after them zeros where there is `room` for more. */
export function floats(length: number, random: Uniform, room = length): Float32Array {
  const numbers = new Float32Array(room);
  for (let i = 0; i < length; i++) numbers[i] = signed(random);
  return numbers;
}

/** A token's or row's numbers in 16-bit fixed point, as long as those in so many columns may be. */
export function q15s(length: number, columns: number, random: Uniform): Int16Array {
  const numbers = new Int16Array(length);
  const most = TOKEN_LENGTH / Math.sqrt(columns);
  for (let i = 0; i < length; i++) numbers[i] = Math.round(most * signed(random));
  return numbers;
}
