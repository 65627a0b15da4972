// The same product where one instruction multiplies bytes and adds four products to an i32 lane (VNNI, Arm's dot product).
// Exact, and so equal to the other forms.
import { defineFunction, relaxed, v128 } from '../wasm/assembler.js';
import { INT8_PARAMS, int8Rows, type AddBlocks } from './int8-row.js';
import { count, kernel, type Shape, splatAt } from './kernel.js';
import { spmmInt8 } from './spmm-int8.js';

/**
 * Whether sums of a tile are too few for the time that a dot product takes until the next may be added to it: five cycles, in
 * which ten could begin.
 */
const areFew = ({ tile }: Shape): boolean => tile < 32;

/** As spmmInt8. */
export const spmmInt8Dot = kernel({
  wasm: (shape, fused) =>
    defineFunction(INT8_PARAMS, (body, params) => {
      const bytes = { values: 4, features: 4 * shape.tile };
      const vectors = shape.tile / 4;
      const apart = areFew(shape);
      const add: AddBlocks = (value, from, sums) => {
        const weights = from.map((_, block) => body.let(splatAt(value, 4 * block)));
        for (const i of count(vectors))
          from.forEach((at, block) => {
            const sum = sums[apart ? block * vectors + i : i]!;
            body.set(sum, relaxed.dotAddI8x16(weights[block]!, v128.load(at, 16 * i), sum));
          });
      };
      int8Rows(body, shape, fused, params, bytes, add, apart);
    }),
  twin: spmmInt8.twin,
});
