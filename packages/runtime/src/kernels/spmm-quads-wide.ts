// The same product by plain SIMD: weights and activations as i16, of which two columns at a time are interleaved. Exact, and so
// equal to the other forms.
import { defineFunction, i32x4, v128 } from '../wasm/assembler.js';
import { INT8_PARAMS, int8Rows, int8RowsTwin, WEIGHTS_TOGETHER } from './int8-row.js';
import { interleaved } from './interleave.js';
import { count, kernel, splatAt } from './kernel.js';
import { QUAD } from './spmm-quads.js';

/** Pairs of columns of the quads that are added together. */
const PAIRS = WEIGHTS_TOGETHER / 2;

/** As spmmQuads, but values i16 [quads, 4] and x i16 [columns, tile]. */
export const spmmQuadsWide = kernel({
  wasm: (shape, fused) =>
    defineFunction(INT8_PARAMS, (body, params) => {
      const bytes = { values: 8, columns: QUAD.columns, features: 2 * shape.tile };
      int8Rows(body, shape, fused, params, bytes, (value, from, sums) => {
        const weights = count(PAIRS).map((pair) => body.let(splatAt(value, 4 * pair)));
        for (let first = 0; first < sums.length; first += 2)
          body.when(params.rows, () => {
            weights.forEach((weight, pair) => {
              const [a, b] = [0, 1].map((i) => body.let(v128.load(from[2 * pair + i]!, 8 * first)));
              interleaved(2, a!, b!).forEach((x, i) => {
                const sum = sums[first + i]!;
                body.set(sum, i32x4.add(sum, i32x4.dot(x, weight)));
              });
            });
          });
      });
    }),
  twin: int8RowsTwin({ wide: true, columns: 4 }),
});
