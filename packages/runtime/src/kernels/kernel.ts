// What a kernel is: a function over one linear memory, emitted for a shape, with a naive twin in TypeScript over the
// same memory. The twin is what the tests and the self-test compare with, and what runs where there is no SIMD.
import {
  type Expr,
  f32,
  f32x4,
  i32,
  type Params,
  relaxed,
  v128,
  type WasmFunction,
} from '../wasm/assembler.js';

/**
 * All that kernels are specialised by. Activations stand as [tile of tokens][feature][token]: the tokens of a tile are
 * the lanes of the vectors.
 */
export interface Shape {
  /** Tokens of a tile. */
  readonly tile: 8 | 16 | 32;
  /** Features of an attention head. */
  readonly headSize: number;
}

/** Which instructions a kernel may use, best first. `scalar` is the twin. */
export const LEVELS = ['relaxed', 'simd', 'scalar'] as const;
export type Level = (typeof LEVELS)[number];

export type Args<P extends Params> = Readonly<Record<keyof P, number>>;

/** Parameters that are addresses or counts. */
export const words = <K extends string>(...names: readonly K[]): Readonly<Record<K, 'i32'>> =>
  Object.fromEntries(names.map((name) => [name, 'i32'])) as Record<K, 'i32'>;

/** A kernel bound to a memory. */
export type Run<P extends Params> = (args: Args<P>) => void;

export interface Kernel<P extends Params> {
  readonly wasm: (shape: Shape, relaxed: boolean) => WasmFunction<P, void>;
  readonly twin: (shape: Shape) => (memory: Views, args: Args<P>) => void;
}

/** Declares the type of a kernel by that of its parameters. */
export const kernel = <P extends Params>(of: Kernel<P>): Kernel<P> => of;

/** The same bytes as numbers of every width: an index is an address divided by the width. */
export interface Views {
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
}

export const viewsOf = ({ buffer }: WebAssembly.Memory): Views => ({
  i8: new Int8Array(buffer),
  u8: new Uint8Array(buffer),
  i16: new Int16Array(buffer),
  u16: new Uint16Array(buffer),
  i32: new Int32Array(buffer),
  f32: new Float32Array(buffer),
});

/** a * b + c: fused where the machine can. */
export const multiplyAdd =
  (fused: boolean) =>
  (a: Expr<'v128'>, b: Expr<'v128'>, c: Expr<'v128'>): Expr<'v128'> =>
    fused ? relaxed.madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);

export const count = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);

/** `a + bytes`. */
export const offset = (a: Expr<'i32'>, bytes: number): Expr<'i32'> =>
  bytes === 0 ? a : i32.add(a, i32.const(bytes));

/** A float in all four lanes. */
export const floats = (value: number): Expr<'v128'> => f32x4.splat(f32.const(value));

/** The number at `address + bytes` in all four lanes. */
export const splatAt = (address: Expr<'i32'>, bytes = 0): Expr<'v128'> => v128.load32Splat(address, bytes);
