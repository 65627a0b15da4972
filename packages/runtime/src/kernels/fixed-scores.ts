// The first half of attention in fixed point: scores of queries and keys, in 16 bits or in bytes. What walks over the keys, a few at
// a time, is here too.
import {
  type Body,
  type Expr,
  f32x4,
  i16x8,
  i32,
  i32x4,
  i8x16,
  type Local,
  type Operand,
  relaxed,
  v128,
} from '../wasm/assembler.js';
import { count, floats, offset, splatAt, tokensTogether } from './kernel.js';
import { INT8_OFFSET } from './quantise-tokens.js';
import { type Attention, NEIGHBOURS, zeros } from './scores.js';

/** Score of no weight. */
const LOWEST = -1e30;

export interface Context extends Attention {
  /** Bytes from a tile of scales to the next. */
  readonly scaleBytes: Local<'i32'>;
}

/** An array over tokens: what a few of them have, and what a tile has, in bytes. */
export interface Walk {
  readonly start: Expr<'i32'>;
  readonly bytes: number;
  readonly tileBytes: Operand<'i32'>;
}

/** Calls `visit` for every `few` keys with their addresses in each of two arrays. */
export function eachFewKeys(
  { body, shape, keys }: Context,
  few: 2 | 4,
  walks: readonly [Walk, Walk],
  visit: (first: Local<'i32'>, second: Local<'i32'>) => void,
): void {
  const [a, b] = walks;
  const tile = tokensTogether(shape);
  const starts = walks.map(({ start }) => body.let(start));
  body.range(0, keys, tile, (token) => {
    const inTile = i32.minU(i32.sub(keys, token), tile);
    const times = body.let(i32.shrU(offset(inTile, few - 1), Math.log2(few)));
    const second = body.let(starts[1]!);
    const end = i32.add(starts[0]!, i32.mul(times, a.bytes));
    body.range(starts[0]!, end, a.bytes, (first) => {
      visit(first, second);
      body.set(second, offset(second, b.bytes));
    });
    walks.forEach(({ tileBytes }, i) => body.set(starts[i]!, i32.add(starts[i]!, tileBytes)));
  });
}

export const walk = (c: Context, start: Expr<'i32'>, bytes: number): Walk => ({
  start,
  bytes,
  tileBytes: c.tileBytes,
});

/** Scores f32 [keys, queries]. */
export const scoreWalk = ({ shape, vectors, scores }: Context, few: 2 | 4): Walk => {
  const bytes = 16 * vectors.length;
  return { start: scores, bytes: few * bytes, tileBytes: bytes * tokensTogether(shape) };
};

export const scaleWalk = (c: Context, few: 2 | 4, start: Expr<'i32'>): Walk => ({
  start,
  bytes: 4 * few,
  tileBytes: c.scaleBytes,
});

/** How queries and keys are multiplied, and values and their weights. */
export interface Products {
  /** Features of queries and keys in a lane, and keys of values and weights. */
  readonly together: 2 | 4;
  /** What the keys are offset by. */
  readonly bias: number;
  /** `b` is not negative where it is bytes. */
  readonly add: (body: Body) => (sum: Expr<'v128'>, a: Expr<'v128'>, b: Expr<'v128'>) => Expr<'v128'>;
}

export const IN_PAIRS: Products = {
  ...{ together: 2, bias: 0 },
  add: () => (sum, a, b) => i32x4.add(sum, i32x4.dot(a, b)),
};

export const IN_BYTES: Products = {
  ...{ together: 4, bias: INT8_OFFSET },
  add: (body) => {
    const ones = body.let(i16x8.splat(1));
    return (sum, a, b) => i32x4.add(sum, i32x4.dot(relaxed.dotI8x16(a, b), ones));
  },
};

export const BY_DOTS: Products = {
  ...IN_BYTES,
  add: () => (sum, a, b) => relaxed.dotAddI8x16(a, b, sum),
};

/** scores f32 [keys, queries] = q . k / sqrt(head size) / ln 2, two keys at a time, and after them neighbours of no weight. */
export function products(
  c: Context,
  by: Products,
  q: Expr<'i32'>,
  queryScales: Expr<'i32'>,
  k: Expr<'i32'>,
  keyScales: Expr<'i32'>,
): void {
  const { body, shape, vectors } = c;
  const row = 4 * tokensTogether(shape);
  const bytes = (shape.headSize / by.together) * row;
  const add = by.add(body);
  const root = floats(Math.LOG2E / Math.sqrt(shape.headSize)); // for powers of two
  const units = vectors.map((i) => body.let(f32x4.mul(v128.load(queryScales, 16 * i), root)));
  const end = body.let(i32.add(c.scores, i32.mul(c.keys, 16 * vectors.length)));
  const out = body.let(c.scores);
  // What the offset of the keys adds to the sums of a query, less than none.
  const starts = zeros(c);
  if (by.bias > 0) {
    const bias = body.let(i8x16.splat(by.bias));
    const more = zeros(c);
    body.range(q, offset(q, bytes), row, (query) => {
      for (const i of vectors) body.set(more[i]!, add(more[i]!, v128.load(query, 16 * i), bias));
    });
    starts.forEach((start, i) => body.set(start, i32x4.sub(start, more[i]!)));
  }
  eachFewKeys(c, 2, [walk(c, k, 8), scaleWalk(c, 2, keyScales)], (from, scale) => {
    const sums = [0, 1].map(() => starts.map((start) => body.let(start)));
    const query = body.let(q);
    body.range(from, offset(from, bytes), row, (at) => {
      const two = [body.let(splatAt(at)), body.let(splatAt(at, 4))];
      for (const i of vectors) {
        const lanes = body.let(v128.load(query, 16 * i));
        sums.forEach((sum, j) => body.set(sum[i]!, add(sum[i]!, lanes, two[j]!)));
      }
      body.set(query, offset(query, row));
    });
    sums.forEach((sum, j) => {
      const unit = body.let(splatAt(scale, 4 * j));
      sum.forEach((lanes, i) => {
        const score = f32x4.mul(f32x4.mul(f32x4.convertS(lanes), units[i]!), unit);
        body.store(out, score, 16 * (j * vectors.length + i));
      });
    });
    body.set(out, offset(out, 32 * vectors.length));
  });
  for (const i of count(NEIGHBOURS * vectors.length)) body.store(end, floats(LOWEST), 16 * i);
}
