// Masks are bytes: 0 prunes, anything else keeps. They are applied as bits rather than as a product, so a
// pruned value is exactly +0 whatever it was: negative, infinite or NaN.

import { defineFunction, type Expr, f32x4, i16x8, i32, i32x4, v128 } from '@espalier/runtime/wasm';
import { eachVector, lanes } from './vectors.js';

/** Four mask bytes at `address` as four lanes of all zeros or all ones. */
export const keepLanes = (address: Expr<'i32'>): Expr<'v128'> =>
  i32x4.ne(i32x4.extendLowS(i16x8.extendLowS(v128.load32Zero(address))), i32x4.const(0, 0, 0, 0));

/** Address of the mask byte of the float at byte offset `at`. */
export const maskAddress = (mask: Expr<'i32'>, at: Expr<'i32'>): Expr<'i32'> =>
  i32.add(mask, i32.shrU(at, i32.const(2)));

/** x_i = +0 where mask_i is 0. */
export const applyMask = defineFunction({ x: 'i32', mask: 'i32', n: 'i32' }, (body, { x, mask, n }) => {
  eachVector(body, n, 4, (at) => {
    body.store(i32.add(x, at), v128.and(lanes(x, at), keepLanes(maskAddress(mask, at))));
  });
});

/** y_i = x_i, or +0 where mask_i is 0. */
export const maskedCopy = defineFunction(
  { y: 'i32', x: 'i32', mask: 'i32', n: 'i32' },
  (body, { y, x, mask, n }) => {
    eachVector(body, n, 4, (at) => {
      body.store(i32.add(y, at), v128.and(lanes(x, at), keepLanes(maskAddress(mask, at))));
    });
  },
);

export function maskedCopyTwin(y: Float32Array, x: Float32Array, mask: Uint8Array): void {
  for (let i = 0; i < x.length; i++) y[i] = mask[i] === 0 ? 0 : x[i]!;
}

export function applyMaskTwin(x: Float32Array, mask: Uint8Array): void {
  for (let i = 0; i < x.length; i++) if (mask[i] === 0) x[i] = 0;
}

/** How many x_i are not zero (of either sign). */
export const countNonzero = defineFunction({ x: 'i32', n: 'i32' }, (body, { x, n }) => {
  const zero = i32x4.const(0, 0, 0, 0);
  const count = body.let(zero); // a comparison that holds is -1
  eachVector(body, n, 4, (at) => body.set(count, i32x4.sub(count, f32x4.ne(lanes(x, at), zero))));
  return [1, 2, 3].reduce(
    (sum, index) => i32.add(sum, i32x4.extractLane(count, index)),
    i32x4.extractLane(count, 0),
  );
});

export const countNonzeroTwin = (x: Float32Array): number =>
  x.reduce((count, value) => (value === 0 ? count : count + 1), 0);
