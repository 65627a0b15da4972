// y = W x + b of single non-zeros in int8, four of a row at a time: a quad of any four columns, whose bytes are interleaved as they
// are read, so that they are multiplied like a block of 1x4. Activations have 7 bits, offset by 64; weights at most LARGEST_QUAD,
// so that no sum of four products leaves i16, and the result is exact on every machine.
import {
  type Body,
  defineFunction,
  type Expr,
  i16x8,
  i32x4,
  type Local,
  relaxed,
  v128,
} from '../wasm/assembler.js';
import { BLOCKS_TOGETHER, INT8_PARAMS, int8Rows, int8RowsTwin } from './int8-row.js';
import { interleavedFours } from './interleave.js';
import { count, kernel, splatAt } from './kernel.js';

/** Four times 127 times it is an i16. */
export const LARGEST_QUAD = 64;

/** What a quad has in the memory of a tile. */
export const QUAD = { values: 4, columns: 4 } as const;

/** Sums that one vector of each column belongs to. */
const SUMS_OF_VECTOR = 4;

/**
 * Calls back for every four sums (of the two that a tile of eight has) with the quads' activations for them, in a basic block
 * of its own: see eachFew.
 */
export function eachVector(
  body: Body,
  sure: Local<'i32'>,
  from: readonly Local<'i32'>[],
  sums: readonly Local<'v128'>[],
  add: (sums: readonly Local<'v128'>[], quad: (index: number) => readonly Expr<'v128'>[]) => void,
): void {
  const half = sums.length < SUMS_OF_VECTOR;
  for (let first = 0; first < sums.length; first += SUMS_OF_VECTOR)
    body.when(sure, () => {
      add(sums.slice(first, first + SUMS_OF_VECTOR), (index) => {
        const rows = from
          .slice(QUAD.columns * index, QUAD.columns * (index + 1))
          .map((at) => body.let(half ? v128.load64Zero(at) : v128.load(at, 4 * first)));
        return interleavedFours(body, rows);
      });
    });
}

/**
 * values i8 [quads, 4]; columns u16 [quads, 4]; order i32 [rows, 2], in pairs of quads; x u8 [columns, tile]; y f32 [rows, tile];
 * offsets i32 [rows], where the sums begin; scales f32 [rows] and tokenScales f32 [tile]: what one unit of a sum is
 * worth; bias f32 [rows].
 */
export const spmmQuads = kernel({
  wasm: (shape, fused) =>
    defineFunction(INT8_PARAMS, (body, params) => {
      const ones = body.let(i16x8.splat(1));
      const bytes = { ...QUAD, features: shape.tile };
      int8Rows(body, shape, fused, params, bytes, (value, from, sums) => {
        const weights = count(BLOCKS_TOGETHER).map((quad) => body.let(splatAt(value, 4 * quad)));
        eachVector(body, params.rows, from, sums, (some, quad) => {
          const products = weights.map((weight, i) =>
            quad(i)
              .slice(0, some.length)
              .map((x) => body.let(relaxed.dotI8x16(weight, x))),
          );
          const [first, second] = products;
          some.forEach((sum, i) => {
            body.set(sum, i32x4.add(sum, i32x4.dot(i16x8.add(first![i]!, second![i]!), ones)));
          });
        });
      });
    }),
  twin: int8RowsTwin({ wide: false, columns: 4 }),
});
