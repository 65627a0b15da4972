// What layers read: activations in 16-bit fixed point, each token of length TOKEN_LENGTH, or in 7 bits by its largest magnitude, offset
// by 64: 1 to 127. For blocks four features of a token stand together, as bytes for the relaxed kernels and as two pairs of
// i16 for the plain one; for single values features stand apart.
import { defineFunction, i32 } from '../wasm/assembler.js';
import { floats, kernel, type Kernel, words } from './kernel.js';
import { type Form, INT8_OFFSET, quantiseTokens, quantiseTwin, TOKEN_LENGTH } from './quantise-tokens.js';

const PARAMS = words('x', 'q', 'scales', 'features');

/** x f32 [features, tile], with room for as many as the form takes at a time; scales f32 [tile]: what one unit of q is worth. */
const quantise = (form: Form): Kernel<typeof PARAMS> =>
  kernel({
    wasm: (shape, fused) =>
      defineFunction(PARAMS, (body, { x, q, scales, features }) => {
        const row = 4 * shape.tile;
        const end = body.let(i32.add(x, i32.mul(features, row)));
        if (form.step > 1) {
          // Zeros fill up the last of the features that are taken together.
          const steps = i32.and(i32.add(features, form.step - 1), -form.step);
          const filled = body.let(i32.add(x, i32.mul(steps, row)));
          body.range(end, filled, 16, (at) => {
            body.store(at, floats(0));
          });
        }
        quantiseTokens(body, shape, fused, { x, end, q, scales }, form);
      }),
    twin: (shape) => (memory, args) => {
      const { tile } = shape;
      const features = form.step * Math.ceil(args.features / form.step);
      memory.f32.fill(0, args.x / 4 + args.features * tile, args.x / 4 + features * tile);
      quantiseTwin(shape, memory, { ...args, features }, form);
    },
  });

/** q i16 [features, tile]. */
export const quantiseQ15 = quantise({
  ...{ by: 'length', most: TOKEN_LENGTH },
  ...{ size: 2, together: 1, step: 1 },
});

const INT8 = { by: 'largest', most: 63, bias: INT8_OFFSET, step: 4 } as const;

/** q u8 [features / 4, tile, 4]. */
export const quantiseInt8 = quantise({ ...INT8, size: 1, together: 4 });

/** The same values as i16, q i16 [features / 4, 2, tile, 2]. */
export const quantiseInt8Pairs = quantise({ ...INT8, size: 2, together: 2 });

/** q u8 [features, tile]. */
export const quantiseQuads = quantise({ ...INT8, size: 1, together: 1 });

/** The same values as i16. */
export const quantiseQuadsWide = quantise({ ...INT8, size: 2, together: 1 });
