// Patterns and values in the layout of the encoder's kernels, in WebAssembly. What encoder/linear.ts does with arrays is the
// naive twin: a layout is changed there and here.
import { ROWS_TOGETHER } from '../kernels/dense-f32.js';
import { offset, words } from '../kernels/kernel.js';
import { INT8_OFFSET } from '../kernels/quantise-int8.js';
import { LARGEST } from '../kernels/q15.js';
import { MOST_TOGETHER } from '../kernels/spmm-int8.js';
import { ESCAPE } from '../format/encode-tensor.js';
import {
  type Body,
  defineFunction,
  type Expr,
  f32,
  f64,
  f64x2,
  i32,
  i32x4,
  type Local,
  select,
  v128,
} from '../wasm/assembler.js';

const sum = (body: Body, a: Local<'i32'>, bytes: Expr<'i32'>): void => {
  body.set(a, i32.add(a, bytes));
};

/** How many values counts u16 [rows] add up to; all ones where a row has more than `width`. */
export const total = defineFunction(words('counts', 'rows', 'width'), (body, { counts, rows, width }) => {
  const values = body.let(i32.const(0));
  const most = body.let(i32.const(0));
  body.range(counts, i32.add(counts, i32.shl(rows, i32.const(1))), 2, (at) => {
    const count = body.let(i32.load16U(at));
    sum(body, values, count);
    body.set(most, select(i32.ltU(most, count), count, most));
  });
  return select(i32.ltU(width, most), i32.const(-1), values);
});

/** How many rows have an odd number of values. */
export const oddRows = defineFunction(words('counts', 'rows'), (body, { counts, rows }) => {
  const odd = body.let(i32.const(0));
  body.range(counts, i32.add(counts, i32.shl(rows, i32.const(1))), 2, (at) => {
    sum(body, odd, i32.and(i32.load16U(at), i32.const(1)));
  });
  return odd;
});

/**
 * Gaps u8 to columns u16, one every `stride` bytes; rows of counts u16 [rows] are filled up to a multiple of 2^shift, and
 * `units` u16 [rows] tells how many such multiples they are. As many gaps as counts add up to must not be escapes, and the last
 * must be one of them. Returns whether a column is not below `width`: then nothing of what was written may be used.
 */
export const columns = defineFunction(
  words('gaps', 'counts', 'units', 'rows', 'width', 'out', 'stride', 'shift'),
  (body, { gaps, counts, units, rows, width, out, stride, shift }) => {
    const wrong = body.let(i32.const(0));
    const most = body.let(offset(i32.shl(i32.const(1), shift), -1));
    body.range(counts, i32.add(counts, i32.shl(rows, i32.const(1))), 2, (at) => {
      const count = body.let(i32.load16U(at));
      body.storeLow(2, units, i32.shrU(i32.add(count, most), shift));
      sum(body, units, i32.const(2));
      const next = body.let(i32.const(0));
      body.range(i32.const(0), count, 1, () => {
        const gap = body.let(i32.load8U(gaps));
        sum(body, gaps, i32.const(1));
        body.while(i32.eq(gap, i32.const(ESCAPE)), () => {
          sum(body, next, i32.const(ESCAPE));
          body.set(gap, i32.load8U(gaps));
          sum(body, gaps, i32.const(1));
        });
        const column = body.let(i32.add(next, gap));
        body.set(wrong, i32.or(wrong, i32.eqz(i32.ltU(column, width))));
        body.storeLow(2, out, column);
        body.set(next, offset(column, 1));
        sum(body, out, stride);
      });
      sum(body, out, i32.mul(stride, i32.and(i32.sub(i32.const(0), count), most)));
    });
    return wrong;
  },
);

/**
 * Values f32 into entries whose columns stand there: rows in 16-bit fixed point as kernels/q15.ts makes them. `token` is
 * what it divides by, the length of a token. Scales f32 [rows] come in as what a value is worth, and become what a unit is.
 */
export const q15 = defineFunction(
  { ...words('values', 'entries', 'counts', 'rows', 'scales'), token: 'f64' },
  (body, { values, entries, counts, rows, scales, token }) => {
    const range = 2 ** 15;
    body.range(counts, i32.add(counts, i32.shl(rows, i32.const(1))), 2, (at) => {
      const count = body.let(i32.load16U(at));
      const end = body.let(i32.add(values, i32.shl(count, i32.const(2))));
      const sums = body.let(f64x2.splat(f64.const(0)));
      const paired = body.let(i32.add(values, i32.shl(i32.and(count, i32.const(-2)), i32.const(2))));
      body.range(values, paired, 8, (place) => {
        const two = body.let(f64x2.promoteLow(v128.load64Zero(place)));
        body.set(sums, f64x2.add(sums, f64x2.mul(two, two)));
      });
      const [even, odd] = [body.let(f64x2.extractLane(sums, 0)), body.let(f64x2.extractLane(sums, 1))];
      body.range(paired, end, 4, (place) => {
        const value = body.let(f64.promote(f32.load(place)));
        body.set(even, f64.add(even, f64.mul(value, value)));
      });
      const squares = f64.add(even, odd);
      const n = body.let(f64.convertU(count));
      const most = f64.mul(f64.sub(f64.const(LARGEST), f64.mul(n, f64.const(0.5))), f64.const(range));
      const rounding = f64.mul(f64.sqrt(n), f64.const(0.5));
      const length = f64.sub(f64.sub(f64.div(most, token), rounding), f64.const(1));
      const factor = body.let(f64.div(f64.min(length, f64.const(LARGEST)), f64.sqrt(squares)));
      const factors = body.let(f64x2.splat(factor));
      const pair = (): Local<'v128'> => {
        const two = f64x2.mul(f64x2.promoteLow(v128.load64Zero(values)), factors);
        return body.let(f64x2.toI32(f64x2.nearest(two))); // of a row of zeros zero: NaN is
      };
      const whole = body.let(i32.and(count, i32.const(-2)));
      body.range(i32.const(0), whole, 2, () => {
        const lanes = pair();
        body.storeLow(2, entries, i32x4.extractLane(lanes, 0));
        body.storeLow(2, entries, i32x4.extractLane(lanes, 1), 4);
        sum(body, values, i32.const(8));
        sum(body, entries, i32.const(8));
      });
      body.when(i32.and(count, i32.const(1)), () => {
        body.storeLow(2, entries, i32x4.extractLane(pair(), 0));
        sum(body, values, i32.const(4));
        sum(body, entries, i32.const(8)); // the one that fills up the row stays zero
      });
      const unit = f64.mul(f64.div(f64.const(range), factor), f64.promote(f32.load(scales)));
      body.store(scales, f32.demote(unit));
      sum(body, scales, i32.const(4));
    });
  },
);

/** Values f32 times the scale of their row, f32 [rows]; rows filled up to an even count. */
export const f32Rows = defineFunction(
  words('values', 'out', 'counts', 'rows', 'scales'),
  (body, { values, out, counts, rows, scales }) => {
    body.range(counts, i32.add(counts, i32.shl(rows, i32.const(1))), 2, (at) => {
      const count = body.let(i32.load16U(at));
      const scale = body.let(f32.load(scales));
      body.range(i32.const(0), i32.shl(count, i32.const(2)), 4, (place) => {
        body.store(i32.add(out, place), f32.mul(f32.load(i32.add(values, place)), scale));
      });
      sum(body, values, i32.shl(count, i32.const(2)));
      sum(body, out, i32.shl(i32.and(offset(count, 1), i32.const(-2)), i32.const(2)));
      sum(body, scales, i32.const(4));
    });
  },
);

/** Where the sums of an int8 row begin, i32 [rows]: values i8, four a block; counts u16 [rows], in blocks. */
export const offsets = defineFunction(
  words('values', 'counts', 'rows', 'out'),
  (body, { values, counts, rows, out }) => {
    body.range(counts, i32.add(counts, i32.shl(rows, i32.const(1))), 2, (at) => {
      const total = body.let(i32.const(0));
      const end = body.let(i32.add(values, i32.shl(i32.load16U(at), i32.const(2))));
      body.range(values, end, 1, (place) => {
        sum(body, total, i32.load8S(place));
      });
      body.set(values, end);
      body.store(out, i32.mul(total, i32.const(-INT8_OFFSET)));
      sum(body, out, i32.const(4));
    });
  },
);

const magnitude = (value: Expr<'i32'>): Expr<'i32'> => {
  const sign = i32.shrS(value, i32.const(31));
  return i32.sub(i32.xor(value, sign), sign);
};

/** Whether a half of the block at `values` and that of the next may be added. */
const fit = (values: Expr<'i32'>, half: number): Expr<'i32'> => {
  const places = [half, half + 1, half + 4, half + 5];
  const sums = places.map((at) => magnitude(i32.load8S(values, at))).reduce((a, b) => i32.add(a, b));
  return i32.leU(sums, i32.const(MOST_TOGETHER));
};

/**
 * Blocks in pairs, as encoder/pair-blocks.ts has them: values i8 [blocks, 4], columns u16 [blocks] and counts u16 [rows] become
 * the same with blocks of zeros among them, and units u16 [rows] in pairs. Returns the number of pairs; where `write` is zero
 * that is all.
 */
export const pairs = defineFunction(
  words('values', 'columns', 'counts', 'rows', 'outValues', 'outColumns', 'units', 'write'),
  (body, { values, columns, counts, rows, outValues, outColumns, units, write }) => {
    const all = body.let(i32.const(0));
    body.range(counts, i32.add(counts, i32.shl(rows, i32.const(1))), 2, (at) => {
      const left = body.let(i32.load16U(at));
      const before = body.let(all);
      body.while(left, () => {
        const two = i32.and(i32.ltU(i32.const(1), left), i32.and(fit(values, 0), fit(values, 2)));
        const both = body.let(i32.sub(i32.const(0), two));
        body.when(write, () => {
          body.store(outValues, i32.load(values));
          body.store(outValues, i32.and(i32.load(values, 4), both), 4);
          body.storeLow(2, outColumns, i32.load16U(columns));
          body.storeLow(2, outColumns, i32.and(i32.load16U(columns, 2), both), 2);
        });
        const taken = body.let(i32.sub(i32.const(1), both));
        sum(body, values, i32.shl(taken, i32.const(2)));
        sum(body, columns, i32.shl(taken, i32.const(1)));
        body.set(left, i32.sub(left, taken));
        sum(body, outValues, i32.const(8));
        sum(body, outColumns, i32.const(4));
        sum(body, all, i32.const(1));
      });
      body.when(write, () => {
        body.storeLow(2, units, i32.sub(all, before));
        sum(body, units, i32.const(2));
      });
    });
    return all;
  },
);

/** Dense f32 [rows, columns] with the rows that are computed together side by side. */
export const interleave = defineFunction(
  words('values', 'out', 'rows', 'columns'),
  (body, { values, out, rows, columns }) => {
    const bytes = body.let(i32.shl(columns, i32.const(2)));
    body.range(i32.const(0), rows, 1, (row) => {
      const lane = body.let(i32.and(row, i32.const(ROWS_TOGETHER - 1)));
      const first = i32.add(out, i32.mul(i32.sub(row, lane), bytes));
      const to = body.let(i32.add(first, i32.shl(lane, i32.const(2))));
      body.range(values, i32.add(values, bytes), 4, (at) => {
        body.store(to, f32.load(at));
        sum(body, to, i32.const(4 * ROWS_TOGETHER));
      });
      sum(body, values, bytes);
    });
  },
);
