// Activations to integers, each token by a range of its own: its largest magnitude for bytes, its length (L2) for 16-bit fixed point.
// A quantised form says what becomes of a number and where it stands; kernels of layers' inputs (quantise-layers.ts) and of
// attention's heads (quantise-heads.ts) are such forms.
import {
  type Body,
  type Expr,
  f32x4,
  i32x4,
  i8x16,
  type Local,
  type Operand,
  v128,
} from '../wasm/assembler.js';
import { constant, ROUNDING, ROUNDING_BITS } from './constants.js';
import {
  count,
  floats,
  increase,
  multiplyAdd,
  narrowed,
  offset,
  placeOf,
  type Shape,
  storeAll,
  tokensTogether,
  type Views,
} from './kernel.js';

/** What bytes are more than their values, where they must be positive. */
export const INT8_OFFSET = 64;

/** Length of a token's vector in units of its lanes: below 2^15 - 1 by more than f32 can err over 65,536 features. */
export const TOKEN_LENGTH = 32760;

/** Least range that is told from zero, so that no scale is infinite. */
export const LEAST = 1e-20;

export interface Form {
  /** What becomes `most`: the largest magnitude of a token, or its length. */
  readonly by: 'largest' | 'length';
  readonly most: number;
  /** What is added to the integers. */
  readonly bias?: number;
  /** Bytes of an integer. */
  readonly size: 1 | 2;
  /** Features of a token that stand side by side. */
  readonly together: 1 | 2 | 4;
  /** Features that are quantised at a time, of which there must be a multiple. */
  readonly step: 1 | 2 | 4;
}

/** Stores some features of tokens, given as i32 lanes, which stand in rows of so many tokens. */
function store(
  body: Body,
  { bias, size, together }: Form,
  tile: number,
  out: Expr<'i32'>,
  features: readonly (readonly Expr<'v128'>[])[],
): void {
  if (together > 1) {
    const bits = 8 * size;
    const low = body.let(i32x4.splat(2 ** bits - 1));
    const positive = (of: Expr<'v128'>): Expr<'v128'> => (bias ? of : v128.and(of, low));
    for (let first = 0; first < features.length; first += together) {
      const shifted = features
        .slice(first, first + together)
        .map((lanes, i) => lanes.map((of) => i32x4.shl(positive(of), bits * i)));
      const words = shifted.reduce((all, lanes) => all.map((of, i) => v128.or(of, lanes[i]!)));
      storeAll(body, out, words, first * size * tile);
    }
    return;
  }
  features.forEach((lanes, i) => {
    const words = narrowed(lanes).map((of) => body.let(of));
    if (size === 2) storeAll(body, out, words, 2 * i * tile);
    else {
      const [low, high] = words;
      if (high) body.store(out, i8x16.narrowS(low!, high), i * tile);
      else body.storeHalf(out, i8x16.narrowS(low!, low!), i * tile);
    }
  });
}

/** Where tokens that are quantised together go: in rows of so many, and bytes from them to the next ones. */
export interface Apart<T extends Operand<'i32'> = Operand<'i32'>> {
  readonly row: number;
  readonly q: T;
  readonly scales: T;
}

/** Beside each other, all tokens of a tile in a row. */
const beside = (tile: Shape['tile'], { size, together }: Form): Apart<number> => {
  const tokens = tokensTogether({ tile });
  return { row: tile, q: tokens * together * size, scales: 4 * tokens };
};

/** Quantises the tokens of a tile, whose features stand from `x` to `end`; moves all four on. */
export function quantiseTokens(
  body: Body,
  { tile }: Shape,
  fused: boolean,
  { x, end, q, scales }: Readonly<Record<'x' | 'end' | 'q' | 'scales', Local<'i32'>>>,
  form: Form,
  apart: Apart = beside(tile, form),
): void {
  const { by, most, bias = 0, size, step } = form;
  const madd = multiplyAdd(fused);
  const row = 4 * tile;
  const bits = body.let(i32x4.splat(ROUNDING_BITS - bias));
  const tokens = tokensTogether({ tile });
  const vectors = count(tokens / 4);
  body.range(0, row, 4 * tokens, () => {
    const ranges = vectors.map(() => body.let(floats(0)));
    body.range(x, end, row, (at) => {
      for (const i of vectors) {
        const lanes = body.let(v128.load(at, 16 * i));
        const range = ranges[i]!;
        const next = by === 'length' ? madd(lanes, lanes, range) : f32x4.pmax(range, f32x4.abs(lanes));
        body.set(range, next);
      }
    });
    const factors = ranges.map((of) => {
      const range = f32x4.pmax(by === 'length' ? f32x4.sqrt(of) : of, floats(LEAST));
      return body.let(f32x4.div(floats(most), range));
    });
    storeAll(
      body,
      scales,
      factors.map((factor) => f32x4.div(floats(1), factor)),
    );
    const out = body.let(q);
    body.range(x, end, step * row, (at) => {
      const features = count(step).map((feature) =>
        vectors.map((i) => {
          const lanes = v128.load(at, feature * row + 16 * i);
          return i32x4.sub(madd(lanes, factors[i]!, constant(ROUNDING)), bits);
        }),
      );
      store(body, form, apart.row, out, features);
      body.set(out, offset(out, step * size * apart.row));
    });
    for (const pointer of [x, end]) body.set(pointer, offset(pointer, 4 * tokens));
    increase(body, q, apart.q);
    increase(body, scales, apart.scales);
  });
}

/** The naive twin, of so many features. */
export function quantiseTwin(
  { tile }: Shape,
  { f32, i8, i16 }: Views,
  { x, q, scales, features }: { readonly [K in 'x' | 'q' | 'scales' | 'features']: number },
  form: Form,
  apart: Apart<number> = beside(tile, form),
): void {
  const { by, most, bias = 0, size, together } = form;
  const numbers = size === 1 ? i8 : i16;
  const tokens = tokensTogether({ tile });
  for (const token of count(tile)) {
    const group = Math.floor(token / tokens);
    const first = (q + apart.q * group) / size;
    const at = (feature: number): number => f32[x / 4 + feature * tile + token]!;
    let range = 0;
    for (let feature = 0; feature < features; feature++)
      range = by === 'length' ? range + at(feature) ** 2 : Math.max(range, Math.abs(at(feature)));
    const factor = Math.fround(most / Math.max(by === 'length' ? Math.sqrt(range) : range, LEAST));
    f32[(scales + apart.scales * group) / 4 + (token % tokens)] = 1 / factor;
    for (let feature = 0; feature < features; feature++)
      numbers[first + placeOf(together, feature, token % tokens, apart.row)] =
        roundToEven(Math.fround(at(feature) * factor)) + bias;
  }
}

/** Nearest integer, halves to the even one. */
export function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
}
