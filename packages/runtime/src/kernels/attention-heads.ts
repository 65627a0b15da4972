// What attention in 16 bits and in bytes share: head by head and some queries at a time, scores (fixed-scores.ts) become integer
// weights, by which the values are multiplied and added; and the naive twin. A head has a multiple of two or four features.
import { defineFunction, type Expr, f32x4, i32, type Local, v128 } from '../wasm/assembler.js';
import { type Context, eachFewKeys, products, type Products, walk, type Walk } from './fixed-scores.js';
import {
  count,
  floats,
  increase,
  type Kernel,
  largestLane,
  offset,
  placeOf,
  splatAt,
  tokensTogether,
  words,
} from './kernel.js';
import { zeros } from './scores.js';

const PARAMS = words(
  ...(['q', 'k', 'v', 'queryScales', 'keyScales', 'valueScales', 'out', 'scores'] as const),
  ...(['heads', 'keys', 'tileBytes', 'scaleBytes'] as const),
);

type AttentionKernel = Kernel<typeof PARAMS>;

/**
 * Scores to integer weights, times the scale of the key's value, in the same place: [keys / together, queries, together]. `most` is
 * the largest of those scales. Returns for each vector of queries what one unit of a sum over values is worth.
 */
export type Weigh = (c: Context, valueScales: Expr<'i32'>, most: Local<'v128'>) => readonly Local<'v128'>[];

/** The largest of the scales of all tiles, in all four lanes. */
function largestScale({ body, shape, keys, scaleBytes }: Context, scales: Expr<'i32'>): Local<'v128'> {
  const at = body.let(scales);
  const tile = tokensTogether(shape);
  const largest = body.let(floats(0));
  body.range(0, keys, tile, () => {
    for (let token = 0; token < tile; token += 4)
      body.set(largest, f32x4.pmax(largest, v128.load(at, 4 * token)));
    body.set(at, i32.add(at, scaleBytes));
  });
  return body.let(largestLane(largest));
}

/** out f32 [two features, queries] = the sum of their values times the weights, times `units`. */
function sums(
  c: Context,
  by: Products,
  v: Expr<'i32'>,
  out: Expr<'i32'>,
  units: readonly Local<'v128'>[],
): void {
  const { body, shape, vectors } = c;
  const few = by.together;
  const add = by.add(body);
  const lanes = count(2).map(() => zeros(c));
  const bytes = 16 * vectors.length;
  const tile = tokensTogether(shape);
  const weights: Walk = { start: c.scores, bytes, tileBytes: (bytes * tile) / few };
  eachFewKeys(c, few, [walk(c, v, 4), weights], (value, weight) => {
    const values = lanes.map((_, feature) => body.let(splatAt(value, (4 / few) * feature * tile)));
    for (const i of vectors) {
      const of = body.let(v128.load(weight, 16 * i));
      lanes.forEach((sum, feature) => body.set(sum[i]!, add(sum[i]!, values[feature]!, of)));
    }
  });
  lanes.forEach((sum, feature) => {
    sum.forEach((value, i) =>
      body.store(out, f32x4.mul(f32x4.convertS(value), units[i]!), 4 * feature * shape.tile + 16 * i),
    );
  });
}

export const attentionBy =
  (by: Products, weigh: Weigh): AttentionKernel['wasm'] =>
  (shape, fused) =>
    defineFunction(PARAMS, (body, params) => {
      const { tile, headSize } = shape;
      const { scores, heads, keys, tileBytes, scaleBytes } = params;
      const together = tokensTogether(shape);
      const vectors = count(together / 4);
      const c: Context = { body, shape, fused, vectors, scores, keys, tileBytes, scaleBytes };
      const { q, k, v, queryScales, keyScales, valueScales, out } = params;
      const headBytes = 2 * headSize * together;
      const featureBytes = (4 / by.together) * together;
      body.range(0, heads, 1, () => {
        const most = largestScale(c, valueScales);
        const [query, scale, first] = [body.let(q), body.let(queryScales), body.let(out)];
        body.range(0, tile, together, () => {
          products(c, by, query, scale, k, keyScales);
          const units = weigh(c, valueScales, most);
          const to = body.let(first);
          body.range(v, offset(v, headSize * featureBytes), 2 * featureBytes, (value) => {
            sums(c, by, value, to, units);
            body.set(to, offset(to, 8 * tile));
          });
          increase(body, query, tileBytes);
          increase(body, scale, scaleBytes);
          increase(body, first, 4 * together);
        });
        for (const pointer of [q, k, v]) body.set(pointer, offset(pointer, headBytes));
        for (const pointer of [queryScales, keyScales, valueScales])
          body.set(pointer, offset(pointer, 4 * together));
        body.set(out, offset(out, 4 * headSize * tile));
      });
    });

/** The naive twin: weights are exact, or where there is a `most` integers up to it, each handing its rounding on to the next. */
export const attentionTwin =
  ({ together, bias }: Products, most = 0): AttentionKernel['twin'] =>
  (shape) =>
  ({ f32, i8, i16 }, args) => {
    const { tile, headSize } = shape;
    const few = tokensTogether(shape);
    const numbers = together === 4 ? i8 : i16;
    const groupOf = (token: number): number => Math.floor(token / few);
    /** A feature of a token of a head that begins at an address, `side` of its features side by side. */
    const read = (head: number, side: number, feature: number, token: number): number => {
      const at = (head + groupOf(token) * args.tileBytes) / numbers.BYTES_PER_ELEMENT;
      return numbers[at + placeOf(side, feature, token % few, few)]!;
    };
    const scale = (of: number, head: number, token: number): number =>
      f32[(of + groupOf(token) * args.scaleBytes) / 4 + head * few + (token % few)]!;
    const weights = new Float64Array(args.keys);
    for (let head = 0; head < args.heads; head++) {
      const start = 2 * head * headSize * few;
      let largestValue = 0;
      for (let key = 0; key < args.keys || key % few > 0; key++)
        largestValue = Math.max(largestValue, scale(args.valueScales, head, key));
      const unit = most && largestValue / most;
      for (let query = 0; query < tile; query++) {
        let largest = -Infinity;
        for (let key = 0; key < args.keys; key++) {
          let dot = 0;
          for (let i = 0; i < headSize; i++)
            dot += read(args.q + start, together, i, query) * (read(args.k + start, together, i, key) - bias);
          const units = scale(args.queryScales, head, query) * scale(args.keyScales, head, key);
          weights[key] = (dot * units) / Math.sqrt(headSize);
          largest = Math.max(largest, weights[key]!);
        }
        let total = 0;
        for (let key = 0; key < args.keys; key++) total += weights[key] = Math.exp(weights[key]! - largest);
        const sums = new Float64Array(headSize);
        let rest = 0;
        for (let key = 0; key < args.keys; key++) {
          const exact = weights[key]! * scale(args.valueScales, head, key) + rest;
          const weight = unit ? Math.round(exact / unit) * unit : exact;
          rest = exact - weight;
          for (let i = 0; i < headSize; i++) sums[i]! += (weight / total) * read(args.v + start, 1, i, key);
        }
        const out = args.out / 4 + head * headSize * tile + query;
        for (let i = 0; i < headSize; i++) f32[out + i * tile] = sums[i]!;
      }
    }
  };
