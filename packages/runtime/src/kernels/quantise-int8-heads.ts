// Queries, keys and values for attention beside int8 layers, as bytes: each head of each token by its largest magnitude, queries and
// values to 127; keys to 63 and offset by 64, since one of two operands of relaxed SIMD must be positive and of seven bits. Heads
// have a multiple of four features.
import { type Body, defineFunction, type Expr, i32x4, i8x16, v128 } from '../wasm/assembler.js';
import { kernel, type Kernel, offset, words } from './kernel.js';
import {
  INT8_OFFSET,
  quantiseTokens,
  quantiseTwin,
  type Range,
  storeBytes,
  storeFeatures,
} from './quantise-int8.js';

const PARAMS = words('x', 'q', 'scales', 'heads');

/** How features stand: four of a token together, or each apart from the others. */
interface Order {
  /** Bytes of a token beside the next. */
  readonly token: 1 | 4;
  readonly store: (
    body: Body,
    out: Expr<'i32'>,
    features: readonly (readonly Expr<'v128'>[])[],
    tile: number,
  ) => void;
  readonly place: (feature: number, token: number, tile: number) => number;
}

const TOGETHER: Order = {
  token: 4,
  store(body, out, features) {
    const low = body.let(i32x4.splat(255));
    storeFeatures(
      body,
      out,
      features.map((lanes) => lanes.map((of) => v128.and(of, low))),
      8,
      0,
    );
  },
  place: (feature, token, tile) => 4 * ((feature >> 2) * tile + token) + (feature & 3),
};

const APART: Order = {
  token: 1,
  store(body, out, features, tile) {
    storeBytes(body, out, features, tile, i8x16.narrowS);
  },
  place: (feature, token, tile) => feature * tile + token,
};

/** x f32 [heads, head size, tile] -> q i8, heads as far apart as those of i16; scales f32 [heads, tile]. */
const quantise = (range: Range, { token, store, place }: Order): Kernel<typeof PARAMS> => ({
  wasm: (shape, fused) =>
    defineFunction(PARAMS, (body, { x, q, scales, heads }) => {
      const { tile, headSize } = shape;
      body.range(0, heads, 1, () => {
        const end = body.let(offset(x, 4 * headSize * tile));
        const places = { x: body.let(x), end: body.let(end), q: body.let(q), scales };
        quantiseTokens(body, shape, fused, places, range, { token, block: 4 }, store);
        body.set(x, end);
        body.set(q, offset(q, 2 * headSize * tile));
      });
    }),
  twin: (shape) => (memory, args) => {
    const { tile, headSize } = shape;
    for (let head = 0; head < args.heads; head++) {
      const places = {
        x: args.x + 4 * headSize * tile * head,
        scales: args.scales + 4 * tile * head,
        features: headSize,
      };
      const to = args.q + 2 * headSize * tile * head;
      const write = (feature: number, of: number, value: number): void => {
        memory.i8[to + place(feature, of, tile)] = value;
      };
      quantiseTwin(shape, memory, places, write, range);
    }
  },
});

/** q i8 [heads, features / 4, tile, 4]. */
export const quantiseQueries = kernel(quantise({ most: 127, bias: 0 }, TOGETHER));
export const quantiseKeys = kernel(quantise({ most: 63, bias: INT8_OFFSET }, TOGETHER));

/** q i8 [heads, features, tile]. */
export const quantiseByteValues = kernel(quantise({ most: 127, bias: 0 }, APART));
