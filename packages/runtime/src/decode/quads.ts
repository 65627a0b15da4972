// Single values and blocks into the layout of the int8 kernels, four weights of a row together, in WebAssembly. What encoder/linear.ts does
// with arrays is the naive twin.
import { ROUNDING, ROUNDING_BITS } from '../kernels/constants.js';
import { WEIGHTS_TOGETHER } from '../kernels/int8-row.js';
import { count as numbers, floats, largestLane, narrowed, offset, words } from '../kernels/kernel.js';
import { INT8_OFFSET, LEAST } from '../kernels/quantise-tokens.js';
import { LARGEST_QUAD } from '../kernels/spmm-quads.js';
import {
  type Body,
  defineFunction,
  type Expr,
  f32,
  f32x4,
  i16x8,
  i32,
  i32x4,
  i8x16,
  v128,
} from '../wasm/assembler.js';
import { eachCount } from './rows.js';

/**
 * Values, with room for seven more, into quads i8, in rows that begin at starts i32 [rows], as kernels/quad-row.ts makes them. Scales f32
 * [rows] come in as what a value is worth, and become what a unit is; offsets i32 [rows], where the sums of a row begin.
 * `load` reads eight values as f32, each of `bytes`; counts and starts are in units of `width` values.
 */
const quadsOf = (bytes: number, load: (body: Body, address: Expr<'i32'>) => Expr<'v128'>[]) =>
  defineFunction(
    words('values', 'out', 'counts', 'starts', 'width', 'rows', 'scales', 'offsets'),
    (body, { values, width, scales, offsets, ...of }) => {
      const lanes = [0, 4].map((first) => i32x4.const(first, first + 1, first + 2, first + 3));
      eachCount(body, of, width, (count, out) => {
        const left = body.let(i32.mul(count, width));
        const whole = body.let(i32.and(left, -WEIGHTS_TOGETHER));
        /** The row's values, eight at a time; zeros fill up the last ones. */
        const eachEight = (visit: (eight: readonly Expr<'v128'>[]) => void): void => {
          const from = body.let(values);
          const end = i32.add(values, i32.mul(whole, bytes));
          body.range(from, end, WEIGHTS_TOGETHER * bytes, (of) => {
            visit(load(body, of));
          });
          const rest = body.let(i32.sub(left, whole));
          body.when(rest, () => {
            const eight = load(body, body.let(end));
            visit(eight.map((of, i) => v128.and(of, i32x4.gtS(i32x4.splat(rest), lanes[i]!))));
          });
        };
        const largest = [0, 1].map(() => body.let(floats(LEAST)));
        eachEight((eight) => {
          eight.forEach((of, i) => body.set(largest[i]!, f32x4.pmax(largest[i]!, f32x4.abs(of))));
        });
        const most = body.let(f32x4.pmax(largest[0]!, largest[1]!));
        const factor = body.let(f32x4.div(floats(LARGEST_QUAD), largestLane(most)));
        const total = body.let(i32x4.splat(0));
        eachEight((eight) => {
          const integers = eight.map((of) => {
            const rounded = f32x4.add(f32x4.mul(of, factor), floats(ROUNDING));
            return body.let(i32x4.sub(rounded, i32x4.splat(ROUNDING_BITS)));
          });
          body.set(total, integers.reduce<Expr<'v128'>>(i32x4.add, total));
          const words = body.let(narrowed(integers)[0]!);
          body.storeHalf(out, i8x16.narrowS(words, words));
          body.set(out, offset(out, WEIGHTS_TOGETHER));
        });
        body.set(values, i32.add(values, i32.mul(left, bytes)));
        const sums = numbers(4).map((lane) => i32x4.extractLane(total, lane));
        body.store(offsets, i32.mul(sums.reduce(i32.add), -INT8_OFFSET));
        body.set(offsets, offset(offsets, 4));
        const worth = f32.div(f32.const(1), f32x4.extractLane(factor, 0));
        body.store(scales, f32.mul(worth, f32.load(scales)));
        body.set(scales, offset(scales, 4));
      });
    },
  );

/** Of values f32. */
export const quads = quadsOf(4, (_, address) => [0, 16].map((bytes) => v128.load(address, bytes)));

/** Of values i8. */
export const quadsInt8 = quadsOf(1, (body, address) => {
  const eight = body.let(i16x8.extendLowS(v128.load64Zero(address)));
  return [i32x4.extendLowS(eight), i32x4.extendHighS(eight)].map(f32x4.convertS);
});
