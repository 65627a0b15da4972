// y = W x + b of a dense W in f32 and a single token: the lanes are weights, two rows of two columns at a time.
import { defineFunction, f32, f32x4, i32, i8x16, v128 } from '../wasm/assembler.js';
import { ROWS_TOGETHER } from './dense-f32.js';
import { kernel, multiplyAdd, offset, words } from './kernel.js';

/** (x0, x0, x1, x1) of (x0, x1, 0, 0). */
const TWICE = [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7];

/** values f32 [rows / 2, columns, 2], rows even, as denseF32 has them; x f32 [columns]; y and bias f32 [rows]. */
export const denseOne = kernel({
  wasm: (_, fused) =>
    defineFunction(
      words('values', 'x', 'y', 'rows', 'columns', 'bias'),
      (body, { values, x, y, rows, columns, bias }) => {
        const madd = multiplyAdd(fused);
        const even = body.let(i32.shl(i32.and(columns, i32.const(-2)), i32.const(2)));
        body.range(y, i32.add(y, i32.shl(rows, i32.const(2))), 4 * ROWS_TOGETHER, (out) => {
          const sum = body.let(v128.load64Zero(bias));
          body.range(x, i32.add(x, even), 8, (at) => {
            const two = body.let(v128.load64Zero(at));
            body.set(sum, madd(v128.load(values), i8x16.shuffle(two, TWICE), sum));
            body.set(values, offset(values, 16));
          });
          const [first, second] = [0, 1].map((lane) =>
            f32.add(f32x4.extractLane(sum, lane), f32x4.extractLane(sum, lane + 2)),
          );
          body.store(out, first!);
          body.store(out, second!, 4);
          // An odd last column.
          body.range(i32.add(x, even), i32.add(x, i32.shl(columns, i32.const(2))), 4, (at) => {
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
