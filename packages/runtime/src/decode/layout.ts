// Patterns and values in the layout of the encoder's kernels, in WebAssembly. What encoder/linear.ts does with arrays is the
// naive twin: a layout is changed there and here.
import { ROWS_TOGETHER } from '../kernels/dense-f32.js';
import { increase, offset, words } from '../kernels/kernel.js';
import { ESCAPE } from '../format/encode-tensor.js';
import {
  type Body,
  defineFunction,
  type Expr,
  f32,
  i16x8,
  i32,
  i32x4,
  i64x2,
  i8x16,
  type Local,
  v128,
} from '../wasm/assembler.js';
import { eachCount } from './rows.js';

/** Lane 3 in the upper half, zeros in the lower one. */
const CARRY = i32x4.const(-1, -1, 0x07060706, 0x07060706);

/** Sums of u16 lanes and of all before them. */
function runningSums(body: Body, lanes: Expr<'v128'>): Local<'v128'> {
  const sums = body.let(lanes);
  for (const bits of [16, 32]) body.set(sums, i16x8.add(sums, i64x2.shl(sums, bits)));
  body.set(sums, i16x8.add(sums, i8x16.swizzle(sums, CARRY)));
  return sums;
}

/**
 * Gaps u8 to columns u16, in rows of counts u16 [rows] that begin at starts i32 [rows]. As many gaps as counts add up to must not
 * be escapes, and the last must be one of them. Returns whether a column is not below `width`: then nothing of what was written
 * may be used.
 */
export const columns = defineFunction(
  words('gaps', 'counts', 'starts', 'rows', 'width', 'out'),
  (body, { gaps, width, ...of }) => {
    const wrong = body.let(0);
    eachCount(body, of, 2, (count, out) => {
      const next = body.let(0); // below 2^29, since a tensor has no more values than 2^28, nor gaps of 255 than fit into it
      const left = body.let(count);
      body.while(left, () => {
        const eight = body.let(v128.load64Zero(gaps));
        const escapes = v128.anyTrue(i8x16.eq(eight, i8x16.splat(ESCAPE)));
        const together = body.let(i32.and(i32.ltU(7, left), i32.eqz(escapes)));
        body.when(together, () => {
          const sums = runningSums(body, i16x8.add(i16x8.extendLowU(eight), i16x8.splat(1)));
          body.store(out, i16x8.add(sums, i16x8.splat(offset(next, -1))));
          increase(body, next, i16x8.extractLaneU(sums, 7));
          increase(body, gaps, 8);
          increase(body, out, 16);
          increase(body, left, -8);
        });
        body.when(i32.eqz(together), () => {
          const gap = body.let(i32.load8U(gaps));
          increase(body, gaps, 1);
          body.while(i32.eq(gap, ESCAPE), () => {
            increase(body, next, ESCAPE);
            body.set(gap, i32.load8U(gaps));
            increase(body, gaps, 1);
          });
          increase(body, next, gap);
          body.storeLow(2, out, next);
          increase(body, next, 1);
          increase(body, out, 2);
          increase(body, left, -1);
        });
      });
      body.set(wrong, i32.or(wrong, i32.ltU(width, next))); // columns ascend: the last one is the largest
    });
    return wrong;
  },
);

/** Values f32 times the scale of their row, f32 [rows]. */
export const f32Rows = defineFunction(
  words('values', 'out', 'counts', 'starts', 'rows', 'scales'),
  (body, { values, scales, ...of }) => {
    eachCount(body, of, 4, (count, out) => {
      const scale = body.let(f32.load(scales));
      body.range(0, i32.shl(count, 2), 4, (place) => {
        body.store(i32.add(out, place), f32.mul(f32.load(i32.add(values, place)), scale));
      });
      increase(body, values, i32.shl(count, 2));
      increase(body, scales, 4);
    });
  },
);

/** Dense f32 [rows, columns] with the rows that are computed together side by side. */
export const interleave = defineFunction(
  words('values', 'out', 'rows', 'columns'),
  (body, { values, out, rows, columns }) => {
    const bytes = body.let(i32.shl(columns, 2));
    body.range(0, rows, 1, (row) => {
      const lane = body.let(i32.and(row, ROWS_TOGETHER - 1));
      const first = i32.add(out, i32.mul(i32.sub(row, lane), bytes));
      const to = body.let(i32.add(first, i32.shl(lane, 2)));
      body.range(values, i32.add(values, bytes), 4, (at) => {
        body.store(to, f32.load(at));
        increase(body, to, 4 * ROWS_TOGETHER);
      });
      increase(body, values, bytes);
    });
  },
);
