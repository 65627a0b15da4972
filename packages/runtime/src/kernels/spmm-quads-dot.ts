// The same product where one instruction multiplies bytes and adds four products to an i32 lane. Exact, and so equal to the
// other forms.
import { defineFunction, relaxed } from '../wasm/assembler.js';
import { BLOCKS_TOGETHER, INT8_PARAMS, int8Rows } from './int8-row.js';
import { count, kernel, splatAt } from './kernel.js';
import { eachVector, QUAD, spmmQuads } from './spmm-quads.js';

/** As spmmQuads. */
export const spmmQuadsDot = kernel({
  wasm: (shape, fused) =>
    defineFunction(INT8_PARAMS, (body, params) => {
      const bytes = { ...QUAD, features: shape.tile };
      int8Rows(body, shape, fused, params, bytes, (value, from, sums) => {
        const weights = count(BLOCKS_TOGETHER).map((quad) => body.let(splatAt(value, 4 * quad)));
        eachVector(body, params.rows, from, sums, (some, quad) => {
          weights.forEach((weight, index) => {
            const xs = quad(index);
            some.forEach((sum, i) => {
              body.set(sum, relaxed.dotAddI8x16(weight, xs[i]!, sum));
            });
          });
        });
      });
    }),
  twin: spmmQuads.twin,
});
