// What attention in f32 and in fixed point share: scores f32 [keys, queries] of some queries of a tile, the lanes of the vectors.
import { type Body, f32x4, i32, type Local, v128 } from '../wasm/assembler.js';
import { floats, type Shape, tokensTogether } from './kernel.js';

/** Keys of no weight for which there is room after the last one, which fill up four. */
export const NEIGHBOURS = 3;

/** Bytes of `scores` for a sequence of so many tokens. */
export const scoreBytes = (shape: Shape, tokens: number): number =>
  4 * tokensTogether(shape) * (tokens + NEIGHBOURS);

/** An attention kernel under construction. */
export interface Attention {
  readonly body: Body;
  readonly shape: Shape;
  readonly fused: boolean;
  /** Vectors of four queries. */
  readonly vectors: readonly number[];
  readonly scores: Local<'i32'>;
  readonly keys: Local<'i32'>;
  /** Bytes from some tokens of k and v to the next: a tile in f32, `vectors` in fixed point. */
  readonly tileBytes: Local<'i32'>;
}

/** A sum for each vector of queries, so far zero. */
export const zeros = ({ body, vectors }: Attention): readonly Local<'v128'>[] =>
  vectors.map(() => body.let(floats(0)));

/** The largest score of every query, and the address after the last key's. */
export function largestScores({ body, vectors, scores, keys }: Attention) {
  const bytes = 16 * vectors.length;
  const end = body.let(i32.add(scores, i32.mul(keys, bytes)));
  const largest = vectors.map((i) => body.let(v128.load(scores, 16 * i)));
  body.range(scores, end, bytes, (at) => {
    for (const i of vectors) body.set(largest[i]!, f32x4.pmax(largest[i]!, v128.load(at, 16 * i)));
  });
  return { largest, end };
}
