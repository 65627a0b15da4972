// Queries and keys to bytes for attention beside int8 layers, each head of each token by its largest magnitude: queries to 127, and
// keys to 63, offset by 64, since what relaxed SIMD multiplies by must be positive. Heads have a multiple of four features.
import { defineFunction, i32x4, v128 } from '../wasm/assembler.js';
import { kernel, type Kernel, offset, words } from './kernel.js';
import { INT8_OFFSET, quantiseTokens, quantiseTwin, type Range, storeFeatures } from './quantise-int8.js';

const PARAMS = words('x', 'q', 'scales', 'heads');

/** x f32 [heads, head size, tile] -> q i8 [heads, features / 4, tile, 4], heads as far apart as those of i16; scales f32 [heads, tile]. */
const quantise = (range: Range): Kernel<typeof PARAMS> => ({
  wasm: (shape, fused) =>
    defineFunction(PARAMS, (body, { x, q, scales, heads }) => {
      const { tile, headSize } = shape;
      const row = 4 * tile;
      const low = body.let(i32x4.splat(0xff));
      body.range(0, heads, 1, () => {
        const end = body.let(offset(x, headSize * row));
        const places = { x: body.let(x), end: body.let(end), q: body.let(q), scales };
        const bytes = { token: 4, block: 4 };
        quantiseTokens(body, shape, fused, places, range, bytes, (_, out, features) => {
          const low8 = features.map((lanes) => lanes.map((of) => v128.and(of, low)));
          storeFeatures(body, out, low8, 8, 0);
        });
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
      const store = (feature: number, token: number, value: number): void => {
        memory.u8[to + 4 * ((feature >> 2) * tile + token) + (feature & 3)] = value;
      };
      quantiseTwin(shape, memory, places, store, range);
    }
  },
});

export const quantiseQueries = kernel(quantise({ most: 127, bias: 0 }));
export const quantiseKeys = kernel(quantise({ most: 63, bias: INT8_OFFSET }));
