// Values in 16-bit fixed point, in WebAssembly, four at a time. What kernels/q15.ts does with arrays is the naive twin: the order
// in which squares are added is the same.
import { LARGEST } from '../kernels/q15.js';
import { offset, words } from '../kernels/kernel.js';
import { defineFunction, f32, f64, f64x2, i32, i32x4, i8x16, type Local, v128 } from '../wasm/assembler.js';
import { eachCount } from './rows.js';

/** Bytes of the upper half; and of two vectors of pairs of i32 those of the lower ones. */
const UPPER = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const EVEN = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];

/** Added to an f64 below 2^31, leaves its nearest integer in the lowest bits, and of NaN zero: 1.5 * 2^52. */
const ROUNDING = f64x2.splat(f64.const(6755399441055744));

/**
 * Values f32, and columns u16 in rows that begin at starts i32 [rows], into entries in the same rows: in 16-bit fixed point as
 * kernels/q15.ts makes them. `token` is what it divides by, the length of a token. Scales f32 [rows] come in as what a value is
 * worth, and become what a unit is.
 */
export const q15 = defineFunction(
  { ...words('values', 'columns', 'out', 'counts', 'starts', 'rows', 'scales'), token: 'f64' },
  (body, { values, columns, scales, token, ...places }) => {
    const range = 2 ** 15;
    const zero = f64x2.splat(f64.const(0));
    const [low, lanes] = [body.let(i32x4.splat(0xffff)), body.let(i32x4.const(0, 1, 2, 3))];
    eachCount(body, places, 4, (count, entries) => {
      const from = body.let(i32.add(columns, i32.shrU(i32.sub(entries, places.out), 1)));
      /** Four values from `i` on as f64, zeros after the row's last. */
      const four = (i: Local<'i32'>): readonly Local<'v128'>[] => {
        const inRow = i32x4.gtS(i32x4.splat(i32.sub(count, i)), lanes);
        const of = body.let(v128.and(v128.load(i32.add(values, i32.shl(i, 2))), inRow));
        return [of, i8x16.shuffle(of, UPPER)].map((half) => body.let(f64x2.promoteLow(half)));
      };
      const sums = [body.let(zero), body.let(zero)] as const;
      body.range(0, count, 4, (i) => {
        four(i).forEach((two, half) => {
          body.set(sums[half]!, f64x2.add(sums[half]!, f64x2.mul(two, two)));
        });
      });
      const both = body.let(f64x2.add(...sums));
      const squares = f64.add(f64x2.extractLane(both, 0), f64x2.extractLane(both, 1));
      const n = body.let(f64.convertU(count));
      const most = f64.mul(f64.sub(f64.const(LARGEST), f64.mul(n, f64.const(0.5))), f64.const(range));
      const rounding = f64.mul(f64.sqrt(n), f64.const(0.5));
      const length = f64.sub(f64.sub(f64.div(most, token), rounding), f64.const(1));
      const factor = body.let(f64.div(f64.min(length, f64.const(LARGEST)), f64.sqrt(squares)));
      const factors = body.let(f64x2.splat(factor));
      const even = body.let(i32.and(offset(count, 1), -2));
      body.range(0, even, 2, (i) => {
        const [first, second] = four(i).map((two) => f64x2.add(f64x2.mul(two, factors), ROUNDING));
        const integers = v128.and(i8x16.shuffle(first!, EVEN, second), low);
        const column = i32x4.shl(i32x4.extendLowU(v128.load32Zero(i32.add(from, i32.shl(i, 1)))), 16);
        body.storeHalf(i32.add(entries, i32.shl(i, 2)), v128.or(integers, column));
      });
      body.set(values, i32.add(values, i32.shl(count, 2)));
      const unit = f64.mul(f64.div(f64.const(range), factor), f64.promote(f32.load(scales)));
      body.store(scales, f32.demote(unit));
      body.set(scales, offset(scales, 4));
    });
  },
);
