// The first half of attention in fixed point: scores of queries and keys, in 16 bits or in bytes. What walks over the keys, two at a
// time, is here too.
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
import { floats, offset, type Shape, splatAt } from './kernel.js';
import { INT8_OFFSET } from './quantise-int8.js';
import { type Attention, sumsOf } from './scores.js';

/** Score of no weight. */
const LOWEST = -1e30;

export interface Context extends Attention {
  /** Bytes from a tile of scales to the next. */
  readonly scaleBytes: Local<'i32'>;
}

export const zeros = (c: Context): readonly Local<'v128'>[] => sumsOf(c, floats(0));

/** An array over tokens: what two of them have, and what a tile has, in bytes. */
export interface Walk {
  readonly start: Expr<'i32'>;
  readonly pairBytes: number;
  readonly tileBytes: Operand<'i32'>;
}

/** Calls `visit` for every two keys with their addresses in each of two arrays. */
export function eachPair(
  { body, shape: { tile }, keys }: Context,
  walks: readonly [Walk, Walk],
  visit: (first: Local<'i32'>, second: Local<'i32'>) => void,
): void {
  const [a, b] = walks;
  const starts = walks.map(({ start }) => body.let(start));
  body.range(0, keys, tile, (token) => {
    const inTile = i32.minU(i32.sub(keys, token), tile);
    const pairs = body.let(i32.shrU(offset(inTile, 1), 1));
    const second = body.let(starts[1]!);
    const end = i32.add(starts[0]!, i32.mul(pairs, a.pairBytes));
    body.range(starts[0]!, end, a.pairBytes, (first) => {
      visit(first, second);
      body.set(second, offset(second, b.pairBytes));
    });
    walks.forEach(({ tileBytes }, i) => body.set(starts[i]!, i32.add(starts[i]!, tileBytes)));
  });
}

export const walk = (c: Context, start: Expr<'i32'>, pairBytes: number): Walk => ({
  start,
  pairBytes,
  tileBytes: c.tileBytes,
});

export const scaleWalk = (c: Context, start: Expr<'i32'>): Walk => ({
  start,
  pairBytes: 8,
  tileBytes: c.scaleBytes,
});

/** How queries and keys are multiplied. */
export interface Products {
  /** Features of a lane. */
  readonly features: 2 | 4;
  /** What the keys are offset by. */
  readonly bias: number;
  readonly add: (body: Body) => (sum: Expr<'v128'>, queries: Expr<'v128'>, key: Expr<'v128'>) => Expr<'v128'>;
}

export const IN_PAIRS: Products = {
  ...{ features: 2, bias: 0 },
  add: () => (sum, queries, key) => i32x4.add(sum, i32x4.dot(queries, key)),
};

export const IN_BYTES: Products = {
  ...{ features: 4, bias: INT8_OFFSET },
  add: (body) => {
    const ones = body.let(i16x8.splat(1));
    return (sum, queries, key) => i32x4.add(sum, i32x4.dot(relaxed.dotI8x16(queries, key), ones));
  },
};

export const BY_DOTS: Products = {
  ...IN_BYTES,
  add: () => (sum, queries, key) => relaxed.dotAddI8x16(queries, key, sum),
};

/** Rows of lanes that a head has. */
export const rowsOf = (shape: Shape, features: 2 | 4): number => Math.ceil(shape.headSize / features);

/** scores f32 [keys, queries] = q . k / sqrt(head size), two keys at a time; an odd last one has a neighbour of no weight. */
export function products(
  c: Context,
  by: Products,
  q: Expr<'i32'>,
  queryScales: Expr<'i32'>,
  k: Expr<'i32'>,
  keyScales: Expr<'i32'>,
): void {
  const { body, shape, vectors } = c;
  const row = 4 * shape.tile;
  const bytes = rowsOf(shape, by.features) * row;
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
  eachPair(c, [walk(c, k, 8), scaleWalk(c, keyScales)], (from, scale) => {
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
  for (const i of vectors) body.store(end, floats(LOWEST), 16 * i);
}
