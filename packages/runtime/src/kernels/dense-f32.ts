// y = W x + b of a dense W in f32, two rows at a time so that each load of x serves both.
import { defineFunction, i32, v128 } from '../wasm/assembler.js';
import { count, kernel, multiplyAdd, offset, splatAt, words } from './kernel.js';

/** Rows that are computed together: their number is padded to a multiple of it. */
export const ROWS_TOGETHER = 2;

/** values f32 [rows / 2, columns, 2]; x f32 [columns, tile]; y f32 [rows, tile]; bias f32 [rows]; rows even. */
export const denseF32 = kernel({
  wasm: ({ tile }, fused) =>
    defineFunction(
      words('values', 'x', 'y', 'rows', 'columns', 'bias'),
      (body, { values, x, y, rows, columns, bias }) => {
        const madd = multiplyAdd(fused);
        const row = 4 * tile;
        const shift = Math.log2(row);
        const chunk = Math.min(16, tile);
        body.range(y, i32.add(y, i32.shl(rows, shift)), ROWS_TOGETHER * row, (out) => {
          const value = body.let(values);
          for (let first = 0; first < tile; first += chunk) {
            body.set(value, values);
            const sums = count(ROWS_TOGETHER).map((r) =>
              count(chunk / 4).map(() => body.let(splatAt(bias, 4 * r))),
            );
            body.range(x, i32.add(x, i32.shl(columns, shift)), row, (from) => {
              const weights = count(ROWS_TOGETHER).map((r) => body.let(splatAt(value, 4 * r)));
              count(chunk / 4).forEach((i) => {
                const tokens = body.let(v128.load(from, 4 * first + 16 * i));
                sums.forEach((of, r) => body.set(of[i]!, madd(tokens, weights[r]!, of[i]!)));
              });
              body.set(value, offset(value, 4 * ROWS_TOGETHER));
            });
            sums.forEach((of, r) =>
              of.forEach((sum, i) => body.store(out, sum, r * row + 4 * first + 16 * i)),
            );
          }
          body.set(values, value);
          body.set(bias, offset(bias, 4 * ROWS_TOGETHER));
        });
      },
    ),
  twin:
    ({ tile }) =>
    ({ f32 }, { values, x, y, rows, columns, bias }) => {
      for (let row = 0; row < rows; row++) {
        const pair = Math.floor(row / ROWS_TOGETHER) * columns;
        const sums = new Float64Array(tile).fill(f32[bias / 4 + row]!);
        for (let column = 0; column < columns; column++) {
          const value = f32[values / 4 + (pair + column) * ROWS_TOGETHER + (row % ROWS_TOGETHER)]!;
          for (let token = 0; token < tile; token++)
            sums[token]! += value * f32[x / 4 + column * tile + token]!;
        }
        f32.set(sums, y / 4 + tile * row);
      }
    },
});
