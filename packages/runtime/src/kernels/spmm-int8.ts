// y = W x + b of blocks of 1x4 in int8, by the relaxed dot product of bytes: i16 sums of two products each for two blocks, added,
// then widened by a dot product with ones. (The form that adds to i32 at once is spmm-int8-dot.ts.) Activations have 7
// bits, offset by 64 so that they are positive, and weights are at most LARGEST_QUAD: no sum of four products leaves i16, and the
// result is exact on every machine.
import { defineFunction, i16x8, i32x4, relaxed, v128 } from '../wasm/assembler.js';
import { INT8_PARAMS, int8Rows, int8RowsTwin } from './int8-row.js';
import { eachFew, kernel, splatAt } from './kernel.js';

/**
 * values i8 [blocks, 4]; columns u16 [blocks], of the block; order i32 [rows, 2], in pairs of blocks; x u8 [columns / 4, tile, 4]; y
 * f32 [rows, tile]; offsets i32 [rows], where the sums begin; scales f32 [rows] and tokenScales f32 [tile]: what one unit
 * of a sum is worth; bias f32 [rows].
 */
export const spmmInt8 = kernel({
  wasm: (shape, fused) =>
    defineFunction(INT8_PARAMS, (body, params) => {
      const ones = body.let(i16x8.splat(1));
      const bytes = { values: 4, features: 4 * shape.tile };
      int8Rows(body, shape, fused, params, bytes, (value, from, sums) => {
        const weights = from.map((_, block) => body.let(splatAt(value, 4 * block)));
        eachFew(body, params.rows, sums, (sum, i) => {
          const products = from.map((at, block) => relaxed.dotI8x16(weights[block]!, v128.load(at, 16 * i)));
          body.set(sum, i32x4.add(sum, i32x4.dot(products.reduce(i16x8.add), ones)));
        });
      });
    }),
  twin: int8RowsTwin({ wide: false, columns: 1 }),
});
