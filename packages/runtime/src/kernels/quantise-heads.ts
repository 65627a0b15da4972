// Queries, keys and values to 16-bit fixed point for attention, each head of each token normalised to a length (L2) of
// TOKEN_LENGTH: a product of two heads then fits 32 bits.
import { type Body, defineFunction, type Expr, f32x4, i32, i32x4, v128 } from '../wasm/assembler.js';
import { constant, ROUNDING, ROUNDING_BITS } from './constants.js';
import {
  count,
  floats,
  kernel,
  type Kernel,
  multiplyAdd,
  narrowed,
  offset,
  type Shape,
  storeAll,
  storeReciprocals,
  tokensTogether,
  words,
} from './kernel.js';
import { LEAST, roundToEven, TOKEN_LENGTH } from './quantise-q15.js';

const PARAMS = words('x', 'q', 'scales', 'heads');
type QuantiseHeads = Kernel<typeof PARAMS>;

/** Features of a head as they are stored: an even number of them. */
export const evenHead = ({ headSize }: Pick<Shape, 'headSize'>): number => 2 * Math.ceil(headSize / 2);

/** Stores two features of some tokens, eight or sixteen. */
type Store = (
  body: Body,
  out: Expr<'i32'>,
  even: readonly Expr<'v128'>[],
  odd: readonly Expr<'v128'>[],
) => void;

/** Two features at a time: `store` gets their integers as i32 lanes; a token has `tokenBytes` beside the next one. */
const quantise =
  (tokenBytes: number, store: (tile: number) => Store): QuantiseHeads['wasm'] =>
  (shape, fused) =>
    defineFunction(PARAMS, (body, { x, q, scales, heads }) => {
      const { tile, headSize } = shape;
      const madd = multiplyAdd(fused);
      const row = 4 * tile;
      const tokens = tokensTogether({ tile });
      const bits = body.let(i32x4.splat(ROUNDING_BITS));
      const head = body.let(0);
      const end = body.let(i32.mul(heads, headSize * row));
      const to = body.let(q);
      body.range(head, end, headSize * row, (start) => {
        const from = body.let(i32.add(x, start));
        const first = body.let(to);
        body.range(0, row, 4 * tokens, () => {
          const squares = count(tokens / 4).map(() => body.let(floats(0)));
          body.range(from, offset(from, headSize * row), row, (at) => {
            squares.forEach((sum, i) => {
              const lanes = body.let(v128.load(at, 16 * i));
              body.set(sum, madd(lanes, lanes, sum));
            });
          });
          const factors = squares.map((sum) =>
            body.let(f32x4.div(floats(TOKEN_LENGTH), f32x4.pmax(f32x4.sqrt(sum), floats(LEAST)))),
          );
          storeReciprocals(body, scales, factors, 0);
          const integers = (at: Expr<'i32'>, feature: number): Expr<'v128'>[] =>
            factors.map((factor, i) =>
              i32x4.sub(madd(v128.load(at, feature * row + 16 * i), factor, constant(ROUNDING)), bits),
            );
          const out = body.let(first);
          const whole = headSize - (headSize % 2);
          body.range(from, offset(from, whole * row), 2 * row, (at) => {
            store(tile)(body, out, integers(at, 0), integers(at, 1));
            body.set(out, offset(out, 4 * tile));
          });
          if (whole < headSize) {
            const zeros = factors.map(() => floats(0));
            store(tile)(body, out, integers(offset(from, whole * row), 0), zeros);
          }
          for (const pointer of [from, scales]) body.set(pointer, offset(pointer, 4 * tokens));
          body.set(first, offset(first, tokens * tokenBytes));
        });
        body.set(to, offset(to, 2 * evenHead(shape) * tile));
      });
    });

/** The naive twin: `place` is where a feature of a token stands in an even number of features. */
const quantiseTwin =
  (place: (feature: number, token: number, tile: number) => number): QuantiseHeads['twin'] =>
  (shape) =>
  ({ f32, i16 }, { x, q, scales, heads }) => {
    const { tile, headSize } = shape;
    for (let head = 0; head < heads; head++) {
      const to = q / 2 + head * evenHead(shape) * tile;
      for (let token = 0; token < tile; token++) {
        const at = (feature: number): number => f32[x / 4 + (head * headSize + feature) * tile + token]!;
        let squares = 0;
        for (let feature = 0; feature < headSize; feature++) squares += at(feature) ** 2;
        const factor = TOKEN_LENGTH / Math.max(Math.sqrt(squares), LEAST);
        f32[scales / 4 + head * tile + token] = 1 / factor;
        for (let feature = 0; feature < evenHead(shape); feature++)
          i16[to + place(feature, token, tile)] = feature < headSize ? roundToEven(at(feature) * factor) : 0;
      }
    }
  };

/** x f32 [heads, head size, tile] -> q i16 [heads, features / 2, tile, 2], features even; scales f32 [heads, tile]. */
export const quantiseHeads = kernel({
  wasm: quantise(4, () => (body, out, even, odd) => {
    const low = body.let(i32x4.splat(0xffff));
    const pairs = even.map((lanes, i) => v128.or(v128.and(lanes, low), i32x4.shl(odd[i]!, 16)));
    storeAll(body, out, pairs);
  }),
  twin: quantiseTwin((feature, token, tile) => 2 * ((feature >> 1) * tile + token) + (feature & 1)),
});

/** x f32 [heads, head size, tile] -> q i16 [heads, features, tile], features even; scales f32 [heads, tile]. */
export const quantiseValues = kernel({
  wasm: quantise(2, (tile) => (body, out, even, odd) => {
    [even, odd].forEach((lanes, i) => {
      storeAll(body, out, narrowed(lanes), 2 * i * tile);
    });
  }),
  twin: quantiseTwin((feature, token, tile) => feature * tile + token),
});
