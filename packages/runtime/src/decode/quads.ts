// Single values and blocks into the layout of the int8 kernels, four weights of a row together, in WebAssembly. What encoder/linear.ts does
// with arrays is the naive twin.
import { ROUNDING, ROUNDING_BITS } from '../kernels/constants.js';
import { WEIGHTS_TOGETHER } from '../kernels/int8-row.js';
import { count, floats, largestLane, offset, words } from '../kernels/kernel.js';
import { INT8_OFFSET, LEAST } from '../kernels/quantise-tokens.js';
import { LARGEST_QUAD, QUAD } from '../kernels/spmm-quads.js';
import {
  defineFunction,
  type Expr,
  f32,
  f32x4,
  i16x8,
  i32,
  i32x4,
  i8x16,
  type Local,
  v128,
} from '../wasm/assembler.js';

/**
 * Values, with room for seven more, into quads i8, rows filled up to pairs of them, as kernels/quad-row.ts makes them. Scales f32
 * [rows] come in as what a value is worth, and become what a unit is; offsets i32 [rows], where the sums of a row begin.
 * `load` reads four values as f32, each of `bytes`; counts are in units of 2^shift values.
 */
const quadsOf = (bytes: number, load: (address: Expr<'i32'>) => Expr<'v128'>) =>
  defineFunction(
    words('values', 'out', 'counts', 'shift', 'rows', 'scales', 'offsets'),
    (body, { values, out, counts, shift, rows, scales, offsets }) => {
      const lanes = body.let(i32x4.const(0, 1, 2, 3));
      body.range(counts, i32.add(counts, i32.shl(rows, 1)), 2, (at) => {
        const left = body.let(i32.shl(i32.load16U(at), shift));
        /** Four values from `i` on, zeros after the row's last. */
        const four = (i: Local<'i32'>): Expr<'v128'> =>
          v128.and(load(i32.add(values, i32.mul(i, bytes))), i32x4.gtS(i32x4.splat(i32.sub(left, i)), lanes));
        const largest = body.let(floats(LEAST));
        body.range(0, left, QUAD.columns, (i) => {
          body.set(largest, f32x4.pmax(largest, f32x4.abs(four(i))));
        });
        const factor = body.let(f32x4.div(floats(LARGEST_QUAD), largestLane(largest)));
        const total = body.let(i32x4.splat(0));
        body.range(0, i32.and(offset(left, WEIGHTS_TOGETHER - 1), -WEIGHTS_TOGETHER), QUAD.columns, (i) => {
          const rounded = f32x4.add(f32x4.mul(four(i), factor), floats(ROUNDING));
          const quad = body.let(i32x4.sub(rounded, i32x4.splat(ROUNDING_BITS)));
          body.set(total, i32x4.add(total, quad));
          const words = i16x8.narrowS(quad, quad);
          body.store(out, i32x4.extractLane(i8x16.narrowS(words, words), 0));
          body.set(out, offset(out, 4));
        });
        body.set(values, i32.add(values, i32.mul(left, bytes)));
        const sums = count(4).map((lane) => i32x4.extractLane(total, lane));
        body.store(offsets, i32.mul(sums.reduce(i32.add), -INT8_OFFSET));
        body.set(offsets, offset(offsets, 4));
        const worth = f32.div(f32.const(1), f32x4.extractLane(factor, 0));
        body.store(scales, f32.mul(worth, f32.load(scales)));
        body.set(scales, offset(scales, 4));
      });
    },
  );

/** Of values f32. */
export const quads = quadsOf(4, v128.load);

/** Of values i8. */
export const quadsInt8 = quadsOf(1, (address) =>
  f32x4.convertS(i32x4.extendLowS(i16x8.extendLowS(v128.load32Zero(address)))),
);
