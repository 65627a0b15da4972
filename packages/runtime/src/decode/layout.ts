// Patterns and values in the layout of the encoder's kernels, in WebAssembly. What encoder/linear.ts does with arrays is the
// naive twin: a layout is changed there and here.
import { ROWS_TOGETHER } from '../kernels/dense-f32.js';
import { offset, words } from '../kernels/kernel.js';
import { INT8_OFFSET } from '../kernels/quantise-int8.js';
import { LOOK_AHEAD } from '../encoder/pair-blocks.js';
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
  type Operand,
  select,
  v128,
} from '../wasm/assembler.js';

const sum = (body: Body, a: Local<'i32'>, bytes: Operand<'i32'>): void => {
  body.set(a, i32.add(a, bytes));
};

/** How many values counts u16 [rows] add up to; all ones where a row has more than `width`. */
export const total = defineFunction(words('counts', 'rows', 'width'), (body, { counts, rows, width }) => {
  const values = body.let(0);
  const most = body.let(0);
  body.range(counts, i32.add(counts, i32.shl(rows, 1)), 2, (at) => {
    const count = body.let(i32.load16U(at));
    sum(body, values, count);
    body.set(most, select(i32.ltU(most, count), count, most));
  });
  return select(i32.ltU(width, most), -1, values);
});

/** How many rows have an odd number of values. */
export const oddRows = defineFunction(words('counts', 'rows'), (body, { counts, rows }) => {
  const odd = body.let(0);
  body.range(counts, i32.add(counts, i32.shl(rows, 1)), 2, (at) => {
    sum(body, odd, i32.and(i32.load16U(at), 1));
  });
  return odd;
});

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
 * Gaps u8 to columns u16; rows of counts u16 [rows] are filled up to a multiple of 2^shift, and `units` u16 [rows] tells how many
 * such multiples they are. As many gaps as counts add up to must not be escapes, and the last
 * must be one of them. Returns whether a column is not below `width`: then nothing of what was written may be used.
 */
export const columns = defineFunction(
  words('gaps', 'counts', 'units', 'rows', 'width', 'out', 'shift'),
  (body, { gaps, counts, units, rows, width, out, shift }) => {
    const wrong = body.let(0);
    const most = body.let(offset(i32.shl(1, shift), -1));
    body.range(counts, i32.add(counts, i32.shl(rows, 1)), 2, (at) => {
      const count = body.let(i32.load16U(at));
      body.storeLow(2, units, i32.shrU(i32.add(count, most), shift));
      sum(body, units, 2);
      const next = body.let(0); // below 2^29, since a tensor has no more values than 2^28, nor gaps of 255 than fit into it
      const left = body.let(count);
      body.while(left, () => {
        const eight = body.let(v128.load64Zero(gaps));
        const escapes = v128.anyTrue(i8x16.eq(eight, i8x16.splat(ESCAPE)));
        const together = body.let(i32.and(i32.ltU(7, left), i32.eqz(escapes)));
        body.when(together, () => {
          const sums = runningSums(body, i16x8.add(i16x8.extendLowU(eight), i16x8.splat(1)));
          body.store(out, i16x8.add(sums, i16x8.splat(offset(next, -1))));
          sum(body, next, i16x8.extractLaneU(sums, 7));
          sum(body, gaps, 8);
          sum(body, out, 16);
          sum(body, left, -8);
        });
        body.when(i32.eqz(together), () => {
          const gap = body.let(i32.load8U(gaps));
          sum(body, gaps, 1);
          body.while(i32.eq(gap, ESCAPE), () => {
            sum(body, next, ESCAPE);
            body.set(gap, i32.load8U(gaps));
            sum(body, gaps, 1);
          });
          sum(body, next, gap);
          body.storeLow(2, out, next);
          sum(body, next, 1);
          sum(body, out, 2);
          sum(body, left, -1);
        });
      });
      body.set(wrong, i32.or(wrong, i32.ltU(width, next))); // columns ascend: the last one is the largest
      sum(body, out, i32.shl(i32.and(i32.sub(0, count), most), 1));
    });
    return wrong;
  },
);

/** Values f32 times the scale of their row, f32 [rows]; rows filled up to an even count. */
export const f32Rows = defineFunction(
  words('values', 'out', 'counts', 'rows', 'scales'),
  (body, { values, out, counts, rows, scales }) => {
    body.range(counts, i32.add(counts, i32.shl(rows, 1)), 2, (at) => {
      const count = body.let(i32.load16U(at));
      const scale = body.let(f32.load(scales));
      body.range(0, i32.shl(count, 2), 4, (place) => {
        body.store(i32.add(out, place), f32.mul(f32.load(i32.add(values, place)), scale));
      });
      sum(body, values, i32.shl(count, 2));
      sum(body, out, i32.shl(i32.and(offset(count, 1), -2), 2));
      sum(body, scales, 4);
    });
  },
);

/** Where the sums of an int8 row begin, i32 [rows]: values i8, four a block; counts u16 [rows], in blocks. */
export const offsets = defineFunction(
  words('values', 'counts', 'rows', 'out'),
  (body, { values, counts, rows, out }) => {
    body.range(counts, i32.add(counts, i32.shl(rows, 1)), 2, (at) => {
      const totals = body.let(i32x4.splat(0));
      const end = body.let(i32.add(values, i32.shl(i32.load16U(at), 2)));
      body.range(values, end, 4, (place) => {
        const four = i16x8.extendLowS(v128.load32Zero(place));
        body.set(totals, i32x4.add(totals, i32x4.dot(four, i16x8.splat(1))));
      });
      body.set(values, end);
      const total = i32.add(i32x4.extractLane(totals, 0), i32x4.extractLane(totals, 1));
      body.store(out, i32.mul(total, -INT8_OFFSET));
      sum(body, out, 4);
    });
  },
);

/** i32 sums of the positive values of both halves of the block at `values`, then of the negative ones. */
const sums = (values: Expr<'i32'>): Expr<'v128'> => {
  const twice = i16x8.extendLowS(v128.load32Splat(values));
  const positive = i16x8.maxS(i16x8.mul(twice, SIGNS), i16x8.splat(0));
  return i32x4.dot(positive, i16x8.splat(1));
};

/** i16 lanes: four of 1, four of -1. */
const SIGNS = i32x4.const(0x10001, 0x10001, -1, -1);

/**
 * Blocks in pairs, as encoder/pair-blocks.ts has them: values i8 [blocks, 4], columns u16 [blocks] and counts u16 [rows] become
 * the same with blocks of zeros among them, and units u16 [rows] in pairs; values and columns are put in the pairs' order. Returns
 * the number of pairs.
 */
export const pairs = defineFunction(
  words('values', 'columns', 'counts', 'rows', 'largestSum', 'outValues', 'outColumns', 'units'),
  (body, { values, columns, counts, rows, largestSum, outValues, outColumns, units }) => {
    const all = body.let(0);
    body.range(counts, i32.add(counts, i32.shl(rows, 1)), 2, (at) => {
      const left = body.let(i32.load16U(at));
      const before = body.let(all);
      body.while(left, () => {
        const room = body.let(i32x4.sub(i32x4.splat(largestSum), sums(values)));
        const both = body.let(0);
        body.range(1, i32.minU(left, LOOK_AHEAD), 1, (other) => {
          const value = body.let(i32.add(values, i32.shl(other, 2)));
          body.when(i32.eqz(v128.anyTrue(i32x4.gtS(sums(value), room))), () => {
            const column = i32.add(columns, i32.shl(other, 1));
            const moved = [body.let(i32.load(values, 4)), body.let(i32.load16U(columns, 2))] as const;
            body.store(values, i32.load(value), 4);
            body.store(value, moved[0]);
            body.storeLow(2, columns, i32.load16U(column), 2);
            body.storeLow(2, column, moved[1]);
            body.set(both, -1);
            body.set(other, LOOK_AHEAD);
          });
        });
        body.store(outValues, i32.load(values));
        body.store(outValues, i32.and(i32.load(values, 4), both), 4);
        body.storeLow(2, outColumns, i32.load16U(columns));
        body.storeLow(2, outColumns, i32.and(i32.load16U(columns, 2), both), 2);
        const taken = body.let(i32.sub(1, both));
        sum(body, values, i32.shl(taken, 2));
        sum(body, columns, i32.shl(taken, 1));
        body.set(left, i32.sub(left, taken));
        sum(body, outValues, 8);
        sum(body, outColumns, 4);
        sum(body, all, 1);
      });
      body.storeLow(2, units, i32.sub(all, before));
      sum(body, units, 2);
    });
    return all;
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
        sum(body, to, 4 * ROWS_TOGETHER);
      });
      sum(body, values, bytes);
    });
  },
);
