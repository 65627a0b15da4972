// y = W x + b of a dense W in f32 and a single token: the lanes are weights of two rows and two columns.
import { defineFunction, type Expr, f32, f32x4, i32, i8x16, v128 } from '../wasm/assembler.js';
import { ROWS_TOGETHER } from './dense-f32.js';
import { count, floats, kernel, multiplyAdd, offset, words } from './kernel.js';

/** Columns of a turn, in sums of their own for every two: a multiplication takes as long as four are begun. */
const COLUMNS_TOGETHER = 8;

/** (x0, x0, x1, x1) of (x0, x1, 0, 0). */
const TWICE = [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7];

/** values f32 [rows / 2, columns, 2], rows even, as denseF32 has them; x f32 [columns]; y and bias f32 [rows]. */
export const denseOne = kernel({
  wasm: (_, fused) =>
    defineFunction(
      words('values', 'x', 'y', 'rows', 'columns', 'bias'),
      (body, { values, x, y, rows, columns, bias }) => {
        const madd = multiplyAdd(fused);
        const whole = body.let(i32.shl(i32.and(columns, -COLUMNS_TOGETHER), 2));
        body.range(y, i32.add(y, i32.shl(rows, 2)), 4 * ROWS_TOGETHER, (out) => {
          const sums = count(COLUMNS_TOGETHER / 2).map((i) =>
            body.let(i ? floats(0) : v128.load64Zero(bias)),
          );
          body.range(x, i32.add(x, whole), 4 * COLUMNS_TOGETHER, (at) => {
            sums.forEach((sum, i) => {
              const two = body.let(v128.load64Zero(at, 8 * i));
              body.set(sum, madd(v128.load(values, 16 * i), i8x16.shuffle(two, TWICE), sum));
            });
            body.set(values, offset(values, 8 * COLUMNS_TOGETHER));
          });
          const all: readonly Expr<'v128'>[] = sums;
          const sum = body.let(all.reduce(f32x4.add));
          const [first, second] = [0, 1].map((lane) =>
            f32.add(f32x4.extractLane(sum, lane), f32x4.extractLane(sum, lane + 2)),
          );
          body.store(out, first!);
          body.store(out, second!, 4);
          // The last columns.
          body.range(i32.add(x, whole), i32.add(x, i32.shl(columns, 2)), 4, (at) => {
            for (const row of [0, 4])
              body.store(out, f32.add(f32.load(out, row), f32.mul(f32.load(values, row), f32.load(at))), row);
            body.set(values, offset(values, 8));
          });
          body.set(bias, offset(bias, 4 * ROWS_TOGETHER));
        });
      },
    ),
  twin:
    () =>
    ({ f32: numbers }, { values, x, y, rows, columns, bias }) => {
      for (let row = 0; row < rows; row++) {
        const from = values / 4 + (row - (row % ROWS_TOGETHER)) * columns + (row % ROWS_TOGETHER);
        let sum = numbers[bias / 4 + row]!;
        for (let i = 0; i < columns; i++) sum += numbers[from + ROWS_TOGETHER * i]! * numbers[x / 4 + i]!;
        numbers[y / 4 + row] = sum;
      }
    },
});
