// Attention of the tokens of one tile over the first `keys` tokens of their sequence, head by head: scores, softmax and
// the mean of the values. Queries are the lanes, so softmax needs no horizontal operation; what stands after the last key
// is padding and is never read as a key.
import { defineFunction, type Expr, f32x4, i32, type Local, v128 } from '../wasm/assembler.js';
import { EXP2 } from './constants.js';
import { exp2Lanes } from './exp.js';
import { count, floats, kernel, multiplyAdd, offset, splatAt, tokensTogether, words } from './kernel.js';
import { type Attention, largestScores, zeros } from './scores.js';

const PARAMS = words('q', 'k', 'v', 'out', 'scores', 'heads', 'keys', 'tileBytes');

interface Context extends Attention {
  readonly evenKeys: Local<'i32'>;
}

/** Address of the first feature of a token of a head. */
function tokenAt(
  { body, shape: { tile }, tileBytes }: Context,
  of: Expr<'i32'>,
  token: Local<'i32'>,
): Local<'i32'> {
  const block = i32.mul(i32.shrU(token, Math.log2(tile)), tileBytes);
  const within = i32.shl(i32.and(token, tile - 1), 2);
  return body.let(i32.add(of, i32.add(block, within)));
}

/** scores [keys, queries] = q . k / sqrt(head size) / ln 2, two keys at a time; an odd last one has a neighbour of no use. */
function products(c: Context, q: Expr<'i32'>, k: Expr<'i32'>): void {
  const { body, shape, vectors } = c;
  const madd = multiplyAdd(c.fused);
  const row = 4 * shape.tile;
  const scale = body.let(floats(Math.LOG2E / Math.sqrt(shape.headSize))); // for powers of two
  const out = body.let(c.scores);
  body.range(0, c.evenKeys, 2, (key) => {
    const sums = [zeros(c), zeros(c)];
    const from = tokenAt(c, k, key);
    const query = body.let(q);
    body.range(from, offset(from, shape.headSize * row), row, (at) => {
      const two = [body.let(splatAt(at)), body.let(splatAt(at, 4))];
      for (const i of vectors) {
        const lanes = body.let(v128.load(query, 16 * i));
        sums.forEach((sum, j) => body.set(sum[i]!, madd(lanes, two[j]!, sum[i]!)));
      }
      body.set(query, offset(query, row));
    });
    const lanes = sums.flat();
    lanes.forEach((sum, i) => body.store(out, f32x4.mul(sum, scale), 16 * i));
    body.set(out, offset(out, 16 * lanes.length));
  });
}

/** scores -> 2^(scores - largest) of every query; returns one over their sum. */
function softmax(c: Context): readonly Local<'v128'>[] {
  const { body, vectors, scores } = c;
  const bytes = 16 * vectors.length;
  const { largest, end } = largestScores(c);
  const sums = zeros(c);
  body.range(scores, end, bytes, (at) => {
    for (let i = 0; i < vectors.length; i += 2) {
      const pair = [i, i + 1];
      const lanes = pair.map((j) => f32x4.sub(v128.load(at, 16 * j), largest[j]!));
      exp2Lanes(body, c.fused, lanes, EXP2).forEach((value, j) => {
        body.store(at, value, 16 * pair[j]!);
        body.set(sums[pair[j]!]!, f32x4.add(sums[pair[j]!]!, value));
      });
    }
  });
  for (const i of vectors) body.store(end, floats(0), 16 * i); // the neighbour of an odd last key
  return sums.map((sum) => body.let(f32x4.div(floats(1), sum)));
}

/** out [some features, queries] = the mean of their values, weighted by scores * factors. */
function means(
  c: Context,
  v: Expr<'i32'>,
  out: Expr<'i32'>,
  features: number,
  factors: readonly Local<'v128'>[],
): void {
  const { body, shape, vectors } = c;
  const madd = multiplyAdd(c.fused);
  const row = 4 * shape.tile;
  const sums = count(features).map(() => zeros(c));
  const weight = body.let(c.scores);
  body.range(0, c.evenKeys, 2, (key) => {
    const from = tokenAt(c, v, key);
    for (const j of [0, 1]) {
      const values = sums.map((_, feature) => body.let(splatAt(from, 4 * j + feature * row)));
      for (const i of vectors) {
        const lanes = body.let(v128.load(weight, 16 * (j * vectors.length + i)));
        sums.forEach((sum, feature) => body.set(sum[i]!, madd(lanes, values[feature]!, sum[i]!)));
      }
    }
    body.set(weight, offset(weight, 32 * vectors.length));
  });
  sums.forEach((sum, feature) =>
    sum.forEach((value, i) => body.store(out, f32x4.mul(value, factors[i]!), feature * row + 16 * i)),
  );
}

/**
 * q and out f32 [heads * head size, tile] of one tile; k and v the same of the sequence's first tile, the next
 * `tileBytes` on; scores f32, scoreBytes of it.
 */
export const attention = kernel({
  wasm: (shape, fused) =>
    defineFunction(PARAMS, (body, { q, k, v, out, scores, heads, keys, tileBytes }) => {
      const { tile, headSize } = shape;
      const row = 4 * tile;
      const evenKeys = body.let(i32.and(offset(keys, 1), -2));
      const vectors = count(tokensTogether(shape) / 4);
      const c: Context = { body, shape, fused, vectors, scores, keys, evenKeys, tileBytes };
      const end = i32.mul(heads, headSize * row);
      body.range(0, end, headSize * row, (head) => {
        body.range(0, row, 16 * vectors.length, (first) => {
          const queries = body.let(i32.add(i32.add(q, head), first));
          products(c, queries, i32.add(k, head));
          const factors = softmax(c);
          const value = body.let(i32.add(v, head));
          const to = body.let(i32.add(i32.add(out, head), first));
          const even = headSize - (headSize % 2);
          body.range(0, even * row, 2 * row, (at) => {
            means(c, i32.add(value, at), body.let(i32.add(to, at)), 2, factors);
          });
          if (even < headSize) means(c, offset(value, even * row), offset(to, even * row), 1, factors);
        });
      });
    }),
  twin:
    ({ tile, headSize }) =>
    ({ f32 }, { q, k, v, out, heads, keys, tileBytes }) => {
      const first = (of: number, token: number): number =>
        (of + Math.floor(token / tile) * tileBytes) / 4 + (token % tile);
      const weights = new Float64Array(keys);
      for (let head = 0; head < heads * headSize * tile; head += headSize * tile) {
        for (let query = 0; query < tile; query++) {
          const from = q / 4 + head + query;
          let largest = -Infinity;
          for (let key = 0; key < keys; key++) {
            const other = first(k, key) + head;
            let score = 0;
            for (let i = 0; i < headSize * tile; i += tile) score += f32[from + i]! * f32[other + i]!;
            weights[key] = score / Math.sqrt(headSize);
            largest = Math.max(largest, weights[key]!);
          }
          let total = 0;
          for (let key = 0; key < keys; key++) total += weights[key] = Math.exp(weights[key]! - largest);
          for (let i = 0; i < headSize * tile; i += tile) {
            let sum = 0;
            for (let key = 0; key < keys; key++) sum += weights[key]! * f32[first(v, key) + head + i]!;
            f32[out / 4 + head + query + i] = sum / total;
          }
        }
      }
    },
});
