// What the kernels share. Every array begins at a multiple of 64 bytes and is padded with zeros to a multiple
// of 16 floats, so a kernel may run over whole vectors past `n`; it keeps the padding zero unless it says so.

import { type Body, type Expr, i32, type Local, v128 } from '@espalier/runtime/wasm';

/** Floats to which every array is padded. */
export const PADDING = 16;

/** Number of floats a kernel may touch for an array of `n`. */
export const paddedLength = (n: number): number => Math.ceil(n / PADDING) * PADDING;

/** Sets what a kernel wrote between the end of an array and its padded length back to zero. */
export const clearPadding = ({ buffer, byteOffset, length }: Float32Array): void => {
  new Float32Array(buffer, byteOffset, paddedLength(length)).fill(0, length);
};

/** Runs `statements` for every `floats` consecutive floats of n; `at` is their offset in bytes. */
export function eachVector(
  body: Body,
  n: Expr<'i32'>,
  floats: number,
  statements: (at: Local<'i32'>) => void,
): void {
  body.range(i32.const(0), i32.shl(n, i32.const(2)), 4 * floats, statements);
}

/** The four floats of `array` at byte offset `at + offset`. */
export const lanes = (array: Expr<'i32'>, at: Expr<'i32'>, offset = 0): Expr<'v128'> =>
  v128.load(i32.add(array, at), offset);
