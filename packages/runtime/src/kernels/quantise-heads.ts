// Queries, keys and values for attention, each head of each token by a range of its own: in 16-bit fixed point, of length TOKEN_LENGTH,
// so that a product of two heads fits 32 bits; or, beside int8 layers, in bytes: queries and values to 127; keys to 63 and
// offset by 64, since one of two operands of relaxed SIMD must be positive and of seven bits.
import { defineFunction } from '../wasm/assembler.js';
import { kernel, type Kernel, offset, tokensTogether, words } from './kernel.js';
import { type Form, INT8_OFFSET, quantiseTokens, quantiseTwin, TOKEN_LENGTH } from './quantise-tokens.js';

const PARAMS = words('x', 'q', 'scales', 'heads', 'tileBytes', 'scaleBytes');

/**
 * x f32 [heads, head size, tile] -> q [heads] of the first 16 tokens (or 8, where a tile has no more), as far apart as those of i16, and
 * scales f32 [heads, those]; those of the next `tileBytes` and `scaleBytes` on. So attention reads keys of tiles of any width alike.
 */
const quantise = (form: Form): Kernel<typeof PARAMS> =>
  kernel({
    wasm: (shape, fused) =>
      defineFunction(PARAMS, (body, { x, q, scales, heads, tileBytes, scaleBytes }) => {
        const { tile, headSize } = shape;
        const row = tokensTogether(shape);
        const apart = { row, q: tileBytes, scales: scaleBytes };
        body.range(0, heads, 1, () => {
          const end = body.let(offset(x, 4 * headSize * tile));
          const places = { x: body.let(x), end: body.let(end), q: body.let(q), scales: body.let(scales) };
          quantiseTokens(body, shape, fused, places, form, apart);
          body.set(x, end);
          body.set(q, offset(q, 2 * headSize * row));
          body.set(scales, offset(scales, 4 * row));
        });
      }),
    twin: (shape) => (memory, args) => {
      const { tile, headSize: features } = shape;
      const row = tokensTogether(shape);
      const apart = { row, q: args.tileBytes, scales: args.scaleBytes };
      for (let head = 0; head < args.heads; head++) {
        const x = args.x + 4 * features * tile * head;
        const q = args.q + 2 * features * row * head;
        quantiseTwin(shape, memory, { x, q, scales: args.scales + 4 * row * head, features }, form, apart);
      }
    },
  });

const FIXED = { by: 'length', most: TOKEN_LENGTH, size: 2, step: 2 } as const;

/** q i16 [heads, features / 2, tokens, 2]. */
export const quantiseHeads = quantise({ ...FIXED, together: 2 });

/** q i16 [heads, features, tokens]. */
export const quantiseValues = quantise({ ...FIXED, together: 1 });

const BYTES = { by: 'largest', size: 1, step: 4 } as const;

/** q i8 [heads, features / 4, tokens, 4]. */
export const quantiseQueries = quantise({ ...BYTES, most: 127, together: 4 });
export const quantiseKeys = quantise({ ...BYTES, most: 63, bias: INT8_OFFSET, together: 4 });

/** q i8 [heads, features, tokens]. */
export const quantiseByteValues = quantise({ ...BYTES, most: 127, together: 1 });

const WIDE = { by: 'largest', size: 2, step: 4 } as const;

/** The same values as i16, laid out as those of fixed point; keys without an offset. */
export const quantiseQueriesWide = quantise({ ...WIDE, most: 127, together: 2 });
export const quantiseKeysWide = quantise({ ...WIDE, most: 63, together: 2 });
export const quantiseByteValuesWide = quantise({ ...WIDE, most: 127, together: 1 });
