// Attention in fixed point, for encoders whose layers are quantised: products of queries and keys, in 16 bits or in bytes, and
// of weights and values in 16 are sums of integers, exact in 32 bits; softmax is in f32. The weights of a query are integers that add
// up to 32767, give or take half a unit a key, so that a sum over values of length TOKEN_LENGTH fits as well.
import { defineFunction, type Expr, f32x4, i32, i32x4, type Local, v128 } from '../wasm/assembler.js';
import { constant, ROUNDING } from './constants.js';
import { exp2Lanes } from './exp.js';
import {
  BY_DOTS,
  type Context,
  eachPair,
  IN_BYTES,
  IN_PAIRS,
  products,
  type Products,
  rowsOf,
  scaleWalk,
  walk,
  type Walk,
  zeros,
} from './fixed-scores.js';
import {
  count,
  floats,
  kernel,
  largestLane,
  type Kernel,
  multiplyAdd,
  offset,
  splatAt,
  storeAll,
  type Views,
  words,
} from './kernel.js';
import { evenHead } from './quantise-heads.js';
import { largestScores, queriesTogether, sumsOf } from './scores.js';

const PARAMS = words(
  ...(['q', 'k', 'v', 'queryScales', 'keyScales', 'valueScales', 'out', 'scores'] as const),
  ...(['heads', 'keys', 'tileBytes', 'scaleBytes'] as const),
);

/** What the weights of a query add up to. */
const TOTAL = 32767;

/** Scores to exp(score - largest) times the scale of the key's value; returns the sums of the exponentials. */
function exponentials(c: Context, valueScales: Expr<'i32'>): readonly Local<'v128'>[] {
  const { body, vectors, scores } = c;
  const bytes = 16 * vectors.length;
  const { largest } = largestScores(c);
  const sums = sumsOf(c, floats(0));
  const inScores: Walk = { start: scores, pairBytes: 2 * bytes, tileBytes: bytes * c.shape.tile };
  eachPair(c, [inScores, scaleWalk(c, valueScales)], (at, scale) => {
    for (const j of [0, 1]) {
      const unit = body.let(splatAt(scale, 4 * j));
      for (let i = 0; i < vectors.length; i += 2) {
        const pair = [i, i + 1];
        const places = pair.map((k) => 16 * (j * vectors.length + k));
        const lanes = pair.map((k, n) => f32x4.sub(v128.load(at, places[n]), largest[k]!));
        exp2Lanes(body, c.fused, lanes).forEach((value, n) => {
          body.store(at, f32x4.mul(value, unit), places[n]);
          body.set(sums[pair[n]!]!, f32x4.add(sums[pair[n]!]!, value));
        });
      }
    }
  });
  return sums;
}

/** The largest of the scales of all tiles, in all four lanes. */
function largestScale(
  { body, shape: { tile }, keys, scaleBytes }: Context,
  scales: Expr<'i32'>,
): Local<'v128'> {
  const at = body.let(scales);
  const largest = body.let(floats(0));
  body.range(0, keys, tile, () => {
    for (let token = 0; token < tile; token += 4)
      body.set(largest, f32x4.pmax(largest, v128.load(at, 4 * token)));
    body.set(at, i32.add(at, scaleBytes));
  });
  return body.let(largestLane(largest));
}

/** scores f32 [keys, queries] -> weights i16 [keys / 2, queries, 2], times `factors`, in the same place. */
function weigh(c: Context, factors: readonly Expr<'v128'>[]): void {
  const { body, vectors, scores, keys } = c;
  const madd = multiplyAdd(c.fused);
  const low = body.let(i32x4.splat(0xffff));
  const bytes = 32 * vectors.length;
  const pairs = i32.shrU(offset(keys, 1), 1);
  const out = body.let(scores);
  body.range(scores, i32.add(scores, i32.mul(pairs, bytes)), bytes, (at) => {
    const pairsOf = vectors.map((i) => {
      const [even, odd] = [0, 1].map((j) =>
        madd(v128.load(at, 16 * (j * vectors.length + i)), factors[i]!, constant(ROUNDING)),
      );
      return v128.or(v128.and(even!, low), i32x4.shl(odd!, 16));
    });
    storeAll(body, out, pairsOf);
    body.set(out, offset(out, bytes / 2));
  });
}

/** out f32 [two features, queries] = the sum of their values times the weights, times `unit`. */
function sums(c: Context, v: Expr<'i32'>, out: Expr<'i32'>, unit: Expr<'v128'>, features: number): void {
  const { body, shape, vectors } = c;
  const lanes = count(2).map(() => zeros(c));
  const weights: Walk = {
    start: c.scores,
    pairBytes: 16 * vectors.length,
    tileBytes: 8 * vectors.length * shape.tile,
  };
  eachPair(c, [walk(c, v, 4), weights], (value, weight) => {
    const two = lanes.map((_, feature) => body.let(splatAt(value, 2 * feature * shape.tile)));
    for (const i of vectors) {
      const of = body.let(v128.load(weight, 16 * i));
      lanes.forEach((sum, feature) => body.set(sum[i]!, i32x4.add(sum[i]!, i32x4.dot(of, two[feature]!))));
    }
  });
  lanes.slice(0, features).forEach((sum, feature) => {
    sum.forEach((value, i) =>
      body.store(out, f32x4.mul(f32x4.convertS(value), unit), 4 * feature * shape.tile + 16 * i),
    );
  });
}

const attentionBy =
  (by: Products): Kernel<typeof PARAMS>['wasm'] =>
  (shape, fused) =>
    defineFunction(PARAMS, (body, params) => {
      const { tile, headSize } = shape;
      const { scores, heads, keys, tileBytes, scaleBytes } = params;
      const vectors = count(queriesTogether(shape) / 4);
      const c: Context = { body, shape, fused, vectors, scores, keys, tileBytes, scaleBytes };
      const { q, k, v, queryScales, keyScales, valueScales, out } = params;
      const headBytes = 2 * evenHead(shape) * tile;
      const unit = body.let(floats(0));
      body.range(0, heads, 1, () => {
        const most = largestScale(c, valueScales);
        body.set(unit, f32x4.mul(most, floats(1 / TOTAL)));
        const bytes = 16 * vectors.length;
        const [query, scale, first] = [body.let(q), body.let(queryScales), body.let(out)];
        body.range(0, 4 * tile, bytes, () => {
          products(c, by, query, scale, k, keyScales);
          const totals = exponentials(c, valueScales);
          weigh(
            c,
            totals.map((total) => body.let(f32x4.div(floats(TOTAL), f32x4.mul(total, most)))),
          );
          const to = body.let(first);
          const whole = headSize - (headSize % 2);
          body.range(v, offset(v, 2 * whole * tile), 4 * tile, (value) => {
            sums(c, value, to, unit, 2);
            body.set(to, offset(to, 8 * tile));
          });
          if (whole < headSize) sums(c, offset(v, 2 * whole * tile), to, unit, 1);
          for (const pointer of [query, scale, first]) body.set(pointer, offset(pointer, bytes));
        });
        for (const pointer of [q, k, v]) body.set(pointer, offset(pointer, headBytes));
        for (const pointer of [queryScales, keyScales, valueScales])
          body.set(pointer, offset(pointer, 4 * tile));
        body.set(out, offset(out, 4 * headSize * tile));
      });
    });

/** The naive twin: `at` reads a feature of a token from a head of queries or keys. */
const twinOf =
  (
    { features, bias }: Products,
    at: (views: Views, head: number, feature: number, token: number, tile: number) => number,
  ): Kernel<typeof PARAMS>['twin'] =>
  (shape) =>
  (views, args) => {
    const { f32, i16 } = views;
    const { tile, headSize } = shape;
    const even = evenHead(shape);
    const scale = (of: number, head: number, token: number): number =>
      f32[of / 4 + (Math.floor(token / tile) * args.scaleBytes) / 4 + head * tile + (token % tile)]!;
    const tileAt = (key: number): number => Math.floor(key / tile) * args.tileBytes;
    const weights = new Float64Array(args.keys);
    for (let head = 0; head < args.heads; head++) {
      const start = 2 * head * even * tile;
      for (let query = 0; query < tile; query++) {
        let largest = -Infinity;
        for (let key = 0; key < args.keys; key++) {
          const [q, k] = [args.q + start, args.k + tileAt(key) + start];
          let dot = 0;
          for (let i = 0; i < features * rowsOf(shape, features); i++)
            dot += at(views, q, i, query, tile) * (at(views, k, i, key % tile, tile) - bias);
          const units = scale(args.queryScales, head, query) * scale(args.keyScales, head, key);
          weights[key] = (dot * units) / Math.sqrt(headSize);
          largest = Math.max(largest, weights[key]!);
        }
        let total = 0;
        for (let key = 0; key < args.keys; key++) total += weights[key] = Math.exp(weights[key]! - largest);
        const sums = new Float64Array(headSize);
        for (let key = 0; key < args.keys; key++) {
          const weight = (weights[key]! * scale(args.valueScales, head, key)) / total;
          const v = (args.v + tileAt(key) + start) / 2 + (key % tile);
          for (let i = 0; i < headSize; i++) sums[i]! += weight * i16[v + i * tile]!;
        }
        const out = args.out / 4 + head * headSize * tile + query;
        for (let i = 0; i < headSize; i++) f32[out + i * tile] = sums[i]!;
      }
    }
  };

const inPairs = ({ i16 }: Views, head: number, feature: number, token: number, tile: number): number =>
  i16[head / 2 + 2 * ((feature >> 1) * tile + token) + (feature & 1)]!;

const inBytes = ({ i8 }: Views, head: number, feature: number, token: number, tile: number): number =>
  i8[head + 4 * ((feature >> 2) * tile + token) + (feature & 3)]!;

/**
 * q i16 [heads, features / 2, tile, 2] of one tile (quantiseHeads), queryScales f32 [heads, tile]; k the same and v i16
 * [heads, features, tile] (quantiseValues) of the sequence's first tile, the next `tileBytes` on, their scales `scaleBytes`;
 * out f32 [heads * head size, tile]; scores f32, scoreBytes of them.
 */
export const attentionFixed = kernel({ wasm: attentionBy(IN_PAIRS), twin: twinOf(IN_PAIRS, inPairs) });

/** The same of queries and keys in bytes (quantiseQueries, quantiseKeys), by relaxed SIMD and by its dot product. */
export const attentionInt8 = kernel({ wasm: attentionBy(IN_BYTES), twin: twinOf(IN_BYTES, inBytes) });
export const attentionDot = kernel({ ...attentionInt8, wasm: attentionBy(BY_DOTS) });
