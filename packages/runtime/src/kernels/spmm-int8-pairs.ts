// The same product by plain SIMD: weights and activations as i16, multiplied and added in pairs. Exact, and so equal to
// the other form.
import { defineFunction, i32x4, v128 } from '../wasm/assembler.js';
import { INT8_PARAMS, int8Rows, int8RowsTwin } from './int8-row.js';
import { eachFew, kernel, splatAt } from './kernel.js';

/** As spmmInt8, but values i16 [blocks, 4] and x i16 [columns / 4, 2, tile, 2]. */
export const spmmInt8Pairs = kernel({
  wasm: (shape, fused) =>
    defineFunction(INT8_PARAMS, (body, params) => {
      const row = 4 * shape.tile;
      const bytes = { values: 8, features: 2 * row };
      int8Rows(body, shape, fused, params, bytes, (value, from, sums) => {
        const weights = [0, 1, 2, 3].map((pair) => body.let(splatAt(value, 4 * pair)));
        eachFew(body, params.rows, sums, (sum, i) => {
          weights.forEach((weight, pair) => {
            const x = v128.load(from[pair >> 1]!, (pair & 1) * row + 16 * i);
            body.set(sum, i32x4.add(sum, i32x4.dot(x, weight)));
          });
        });
      });
    }),
  twin: int8RowsTwin({ wide: true, columns: 1 }),
});
