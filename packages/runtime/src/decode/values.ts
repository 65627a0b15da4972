// Values of the packed kinds as f32, in WebAssembly, whole vectors at a time: what is read and written past the last one stays
// within the 64 bytes that places are multiples of, and must be such a value.
import { count, words } from '../kernels/kernel.js';
import {
  defineFunction,
  type Expr,
  f32,
  f32x4,
  i16x8,
  i32,
  i32x4,
  type Local,
  v128,
} from '../wasm/assembler.js';
import { FIXED } from './fixed.js';

/** Words of upper and lower bytes; out u16. */
export const u16 = defineFunction(
  words('high', 'low', 'out', 'count'),
  (body, { high, low, out, count: all }) => {
    body.range(0, all, 8, (index) => {
      const [upper, lower] = [high, low].map((at) => i16x8.extendLowU(v128.load64Zero(i32.add(at, index))));
      body.store(i32.add(out, i32.shl(index, 1)), v128.or(i16x8.shl(upper!, 8), lower!));
    });
  },
);

/** Words to f32: lanes of eight that are `wrong`, and the floats of four in i32 lanes. Returns whether there is a wrong one. */
const floatsOf = (
  wrong: (eight: Local<'v128'>) => Expr<'v128'>,
  float: (four: Local<'v128'>) => Expr<'v128'>,
) =>
  defineFunction(words('from', 'out', 'count'), (body, { from, out, count: all }) => {
    const found = body.let(i32x4.splat(0));
    body.range(0, all, 8, (index) => {
      const eight = body.let(v128.load(i32.add(from, i32.shl(index, 1))));
      body.set(found, v128.or(found, wrong(eight)));
      [i32x4.extendLowU(eight), i32x4.extendHighU(eight)].forEach((four, i) => {
        body.store(i32.add(out, i32.shl(index, 2)), float(body.let(four)), 16 * i);
      });
    });
    return v128.anyTrue(found);
  });

/** bf16 above 0 and finite. */
export const scales = floatsOf(
  (eight) => i16x8.geU(i16x8.add(eight, i16x8.splat(-1)), i16x8.splat(0x7f7f)),
  (four) => i32x4.shl(four, 16),
);

/** f16, finite. */
export const halves = floatsOf(
  (eight) => i16x8.eq(v128.and(eight, i16x8.splat(0x7c00)), i16x8.splat(0x7c00)),
  (four) => {
    // As the upper bits of an f32 its exponent is 112 too small; the product is exact, of subnormals too.
    const magnitude = i32x4.shl(v128.and(four, i32x4.splat(0x7fff)), 13);
    const scaled = f32x4.mul(magnitude, f32x4.splat(f32.const(2 ** 112)));
    return v128.or(scaled, i32x4.shl(v128.and(four, i32x4.splat(0x8000)), 16));
  },
);

/** Indices into the codebook, two a byte; out f32. Two bytes at a time. */
export const indices = defineFunction(words('from', 'out', 'bytes'), (body, { from, out, bytes }) => {
  body.range(0, bytes, 2, (index) => {
    const [at, to] = [body.let(i32.add(from, index)), body.let(i32.add(out, i32.shl(index, 3)))];
    for (const i of count(2)) {
      const pair = body.let(i32.load8U(at, i));
      const places = [i32.shl(i32.and(pair, 15), 2), i32.and(i32.shrU(pair, 2), 4 * 15)];
      places.forEach((place, half) => {
        body.store(to, f32.load(place, FIXED.codebook), 8 * i + 4 * half);
      });
    }
  });
});

/** i8; out f32, with room for the next multiple of eight. */
export const integers = defineFunction(words('from', 'out', 'count'), (body, { from, out, count }) => {
  body.range(0, count, 8, (index) => {
    const eight = body.let(i16x8.extendLowS(v128.load64Zero(i32.add(from, index))));
    const to = body.let(i32.add(out, i32.shl(index, 2)));
    body.store(to, f32x4.convertS(i32x4.extendLowS(eight)));
    body.store(to, f32x4.convertS(i32x4.extendHighS(eight)), 16);
  });
});

/** i8, a multiple of four of them; out i16. */
export const wide = defineFunction(words('from', 'out', 'count'), (body, { from, out, count }) => {
  body.range(0, count, 8, (index) => {
    const values = i16x8.extendLowS(v128.load64Zero(i32.add(from, index)));
    body.store(i32.add(out, i32.shl(index, 1)), values);
  });
});
