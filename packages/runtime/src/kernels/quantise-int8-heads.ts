// Queries and keys for attention beside int8 layers, each head of each token by its largest magnitude: queries to 127, keys to 63;
// as bytes, keys offset by 64, since what relaxed SIMD multiplies by must be positive, or as i16 for plain SIMD. Heads have a
// multiple of four features.
import { defineFunction, i32x4, v128 } from '../wasm/assembler.js';
import { kernel, type Kernel, offset, words } from './kernel.js';
import { INT8_OFFSET, quantiseTokens, quantiseTwin, type Range, storeFeatures } from './quantise-int8.js';

const PARAMS = words('x', 'q', 'scales', 'heads');

/**
 * x f32 [heads, head size, tile] -> q i8 [heads, features / 4, tile, 4], or i16 [heads, features / 2, tile, 2] where `wide`; heads
 * are as far apart as those of i16; scales f32 [heads, tile].
 */
const quantise = (range: Range, wide: boolean): Kernel<typeof PARAMS> => {
  /** Features that stand together, and bits of one. */
  const [together, bits] = wide ? [2, 16] : [4, 8];
  return {
    wasm: (shape, fused) =>
      defineFunction(PARAMS, (body, { x, q, scales, heads }) => {
        const { tile, headSize } = shape;
        const row = 4 * tile;
        const low = body.let(i32x4.splat(2 ** bits - 1));
        body.range(0, heads, 1, () => {
          const end = body.let(offset(x, headSize * row));
          const places = { x: body.let(x), end: body.let(end), q: body.let(q), scales };
          const bytes = { token: 4, block: bits / 2 };
          quantiseTokens(body, shape, fused, places, range, bytes, (_, out, features) => {
            const numbers = features.map((lanes) => lanes.map((of) => v128.and(of, low)));
            for (let first = 0; first < 4; first += together)
              storeFeatures(body, out, numbers.slice(first, first + together), bits, 2 * first * tile);
          });
          body.set(x, end);
          body.set(q, offset(q, 2 * headSize * tile));
        });
      }),
    twin: (shape) => (memory, args) => {
      const { tile, headSize } = shape;
      const numbers = wide ? memory.i16 : memory.u8;
      for (let head = 0; head < args.heads; head++) {
        const places = {
          x: args.x + 4 * headSize * tile * head,
          scales: args.scales + 4 * tile * head,
          features: headSize,
        };
        const to = (args.q + 2 * headSize * tile * head) / numbers.BYTES_PER_ELEMENT;
        const store = (feature: number, token: number, value: number): void => {
          const group = Math.floor(feature / together) * tile + token;
          numbers[to + together * group + (feature % together)] = value;
        };
        quantiseTwin(shape, memory, places, store, range);
      }
    },
  };
};

const [QUERIES, KEYS] = [127, 63];

export const quantiseQueries = kernel(quantise({ most: QUERIES, bias: 0 }, false));
export const quantiseKeys = kernel(quantise({ most: KEYS, bias: INT8_OFFSET }, false));
export const quantiseQueriesWide = kernel(quantise({ most: QUERIES, bias: 0 }, true));
export const quantiseKeysWide = kernel(quantise({ most: KEYS, bias: 0 }, true));
