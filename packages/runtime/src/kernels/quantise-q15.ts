// Activations to 16-bit fixed point, each token normalised to a length (L2) of 32,760.
import { defineFunction, f32x4, i32, i32x4, v128 } from '../wasm/assembler.js';
import { constant, ROUNDING, ROUNDING_BITS } from './constants.js';
import {
  count,
  floats,
  kernel,
  multiplyAdd,
  narrowed,
  offset,
  storeAll,
  storeReciprocals,
  tokensTogether,
  words,
} from './kernel.js';

/** Length of a token's vector in units of its lanes: below 2^15 - 1 by more than f32 can err over 65,536 features. */
export const TOKEN_LENGTH = 32760;

/** Least length that is told from zero, so that no scale is infinite. */
export const LEAST = 1e-20;

/** x f32 [features, tile] -> q i16 [features, tile], scales f32 [tile]: what one unit of q is worth. */
export const quantiseQ15 = kernel({
  wasm: ({ tile }, fused) =>
    defineFunction(words('x', 'q', 'scales', 'features'), (body, { x, q, scales, features }) => {
      const madd = multiplyAdd(fused);
      const row = 4 * tile;
      const end = body.let(i32.add(x, i32.mul(features, row)));
      const bits = body.let(i32x4.splat(ROUNDING_BITS));
      const tokens = tokensTogether({ tile });
      const vectors = count(tokens / 4);
      body.range(0, row, 4 * tokens, () => {
        const squares = vectors.map(() => body.let(floats(0)));
        body.range(x, end, row, (at) => {
          for (const i of vectors) {
            const lanes = body.let(v128.load(at, 16 * i));
            body.set(squares[i]!, madd(lanes, lanes, squares[i]!));
          }
        });
        const factors = squares.map((sum) =>
          body.let(f32x4.div(floats(TOKEN_LENGTH), f32x4.pmax(f32x4.sqrt(sum), floats(LEAST)))),
        );
        storeReciprocals(body, scales, factors, 0);
        const out = body.let(q);
        body.range(x, end, row, (at) => {
          const lanes = vectors.map((i) =>
            i32x4.sub(madd(v128.load(at, 16 * i), factors[i]!, constant(ROUNDING)), bits),
          );
          storeAll(body, out, narrowed(lanes));
          body.set(out, i32.add(out, 2 * tile));
        });
        for (const pointer of [x, end, scales]) body.set(pointer, offset(pointer, 4 * tokens));
        body.set(q, offset(q, 2 * tokens));
      });
    }),
  twin:
    ({ tile }) =>
    ({ f32, i16 }, { x, q, scales, features }) => {
      for (const token of count(tile)) {
        const at = (feature: number): number => f32[x / 4 + feature * tile + token]!;
        let squares = 0;
        for (let feature = 0; feature < features; feature++) squares += at(feature) ** 2;
        const factor = TOKEN_LENGTH / Math.max(Math.sqrt(squares), LEAST);
        f32[scales / 4 + token] = 1 / factor;
        for (let feature = 0; feature < features; feature++)
          i16[q / 2 + feature * tile + token] = roundToEven(at(feature) * factor);
      }
    },
});

/** Nearest integer, halves to the even one. */
export function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
