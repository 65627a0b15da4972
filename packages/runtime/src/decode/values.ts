// Values of the packed kinds as f32, in WebAssembly; those of words return whether one of them is none of its kind.
import { count, offset, words } from '../kernels/kernel.js';
import {
  type Body,
  defineFunction,
  type Expr,
  f32,
  f32x4,
  i16x8,
  i32,
  i32x4,
  i8x16,
  type Local,
  v128,
} from '../wasm/assembler.js';
import { FIXED } from './fixed.js';

const wordAt = (high: Expr<'i32'>, low: Expr<'i32'>): Expr<'i32'> =>
  i32.or(i32.shl(i32.load8U(high), 8), i32.load8U(low));

/** Calls back for each word of the upper and lower bytes; returns what it returned, or-ed. */
function eachWord(
  body: Body,
  { high, low, count }: Readonly<Record<'high' | 'low' | 'count', Local<'i32'>>>,
  visit: (word: Local<'i32'>, index: Local<'i32'>) => Expr<'i32'>,
): Expr<'i32'> {
  const wrong = body.let(0);
  body.range(0, count, 1, (index) => {
    const word = body.let(wordAt(high, low));
    body.set(wrong, i32.or(wrong, visit(word, index)));
    body.set(high, offset(high, 1));
    body.set(low, offset(low, 1));
  });
  return wrong;
}

const WORDS = words('high', 'low', 'out', 'count');

/** out u16. */
export const u16 = defineFunction(WORDS, (body, of) =>
  eachWord(body, of, (word, index) => {
    body.storeLow(2, i32.add(of.out, i32.shl(index, 1)), word);
    return i32.const(0);
  }),
);

/** i16 lanes as i32 ones, without signs: the lower four, then the upper ones. */
const extended = (lanes: Expr<'v128'>): readonly [Expr<'v128'>, Expr<'v128'>] => [
  i32x4.extendLowU(lanes),
  i32x4.extendHighU(lanes),
];

/** Words of bf16 above 0 and finite; out f32. */
export const scales = defineFunction(WORDS, (body, of) => {
  const wrong = body.let(i32x4.splat(0));
  const whole = body.let(i32.and(of.count, -8));
  body.range(0, whole, 8, (index) => {
    const [high, low] = [of.high, of.low].map((at) => i16x8.extendLowU(v128.load64Zero(i32.add(at, index))));
    const eight = body.let(v128.or(i16x8.shl(high!, 8), low!));
    const outside = i16x8.geU(i16x8.add(eight, i16x8.splat(-1)), i16x8.splat(0x7f7f));
    body.set(wrong, v128.or(wrong, outside));
    extended(eight).forEach((lanes, i) => {
      body.store(i32.add(of.out, i32.shl(index, 2)), i32x4.shl(lanes, 16), 16 * i);
    });
  });
  for (const at of [of.high, of.low]) body.set(at, i32.add(at, whole));
  body.set(of.out, i32.add(of.out, i32.shl(whole, 2)));
  body.set(of.count, i32.sub(of.count, whole));
  const last = eachWord(body, of, (word, index) => {
    body.store(i32.add(of.out, i32.shl(index, 2)), i32.shl(word, 16));
    return i32.eqz(i32.ltU(offset(word, -1), 0x7f7f));
  });
  return i32.or(last, v128.anyTrue(wrong));
});

/** f16, finite, zeros up to the next multiple of eight; out f32, with as much room. */
export const rawHalves = defineFunction(words('from', 'out', 'count'), (body, { from, out, count: all }) => {
  const wrong = body.let(i32x4.splat(0));
  const exponent = body.let(i16x8.splat(0x7c00));
  body.range(0, all, 8, (index) => {
    const eight = body.let(v128.load(i32.add(from, i32.shl(index, 1))));
    body.set(wrong, v128.or(wrong, i16x8.eq(v128.and(eight, exponent), exponent)));
    extended(eight).forEach((word, i) => {
      const lanes = body.let(word);
      const magnitude = i32x4.shl(v128.and(lanes, i32x4.splat(0x7fff)), 13);
      const scaled = f32x4.mul(magnitude, f32x4.splat(f32.const(2 ** 112))); // as of one word, in `halves`
      const sign = i32x4.shl(v128.and(lanes, i32x4.splat(0x8000)), 16);
      body.store(i32.add(out, i32.shl(index, 2)), v128.or(scaled, sign), 16 * i);
    });
  });
  return v128.anyTrue(wrong);
});

/** Words of f16, finite; out f32. */
export const halves = defineFunction(WORDS, (body, of) =>
  eachWord(body, of, (word, index) => {
    // As the upper bits of an f32 its exponent is 112 too small; the product is exact, of subnormals too.
    const magnitude = i32.shl(i32.and(word, 0x7fff), 13);
    const scaled = f32.mul(f32.reinterpret(magnitude), f32.const(2 ** 112));
    const sign = i32.shl(i32.and(word, 0x8000), 16);
    body.store(i32.add(of.out, i32.shl(index, 2)), i32.or(i32.reinterpret(scaled), sign));
    return i32.eq(i32.and(word, 0x7c00), 0x7c00);
  }),
);

/** Bytes of `a` and `b` in turn, by `bytes` at a time: of their lower halves, then of their upper ones. */
const inTurn = (body: Body, a: Local<'v128'>, b: Local<'v128'>, bytes: 1 | 2): readonly Local<'v128'>[] =>
  [0, 8].map((half) => {
    const place = (i: number): number => half + (bytes === 1 ? i >> 1 : 2 * (i >> 2) + (i & 1));
    const places = count(16).map((i) => place(i) + ((i / bytes) & 1 ? 16 : 0));
    return body.let(i8x16.shuffle(a, places, b));
  });

/** Indices u8 into the codebook, below 16; out f32, with room for the next multiple of sixteen. */
export const indices = defineFunction(words('from', 'out', 'count'), (body, { from, out, count: all }) => {
  const planes = count(4).map((i) => body.let(v128.load(i32.const(FIXED.planes), 16 * i)));
  body.range(0, all, 16, (index) => {
    const entries = body.let(v128.load(i32.add(from, index)));
    const [a, b, c, d] = planes.map((plane) => body.let(i8x16.swizzle(plane, entries)));
    const upper = inTurn(body, c!, d!, 1);
    const pairs = inTurn(body, a!, b!, 1).flatMap((half, i) => inTurn(body, half, upper[i]!, 2));
    const to = body.let(i32.add(out, i32.shl(index, 2)));
    pairs.forEach((values, i) => {
      body.store(to, values, 16 * i);
    });
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
