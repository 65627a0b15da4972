// Relative attention (Transformer-XL, Dai et al., 2019; XLNet, Yang et al., 2019) over s-major token arrays: a score of
// the tokens, one of their distance and one of whether they are of one segment, each with a bias of its own. Without
// the second stream and the memories of XLNet's pre-training. Shapes hold in a file of open length as well: slices
// begin at 0 or end at the end.
import type { Node } from '../graph/node.js';
import {
  abs,
  add,
  batchGemm,
  concat,
  expand,
  gemm,
  linear,
  minimum,
  mul,
  reduceSum,
  relativeShift,
  reshape,
  slice,
  sliceEnd,
  softmax,
  sub,
  toFloat,
  transpose,
} from '../graph/ops/index.js';
import { constant, scalar } from '../graph/program.js';
import type { Builder } from './builder.js';

/** What every block reads beside its tokens. */
export interface Relations {
  /** Encoded distances length, ..., 1 - length of a query from a key: [2 * length, width]. */
  readonly distances: Node;
  /** 1 where query and key are of different segments: [rows, 1, length, length]. */
  readonly apart: Node;
  /** Large and negative where the key is padding and not the query itself: [rows, 1, length, length]. */
  readonly bias: Node;
}

/** Sines, then cosines, of the distances `longest`, ..., 1 - `longest`: [2 * longest, width]. In f32, as PyTorch. */
function sinusoids(longest: number, width: number): Node {
  const half = width / 2;
  const data = new Float32Array(2 * longest * width);
  for (let i = 0; i < half; i++) {
    const frequency = Math.fround(1 / Math.fround(10000 ** Math.fround((2 * i) / width)));
    for (let row = 0; row < 2 * longest; row++) {
      const angle = Math.fround((longest - row) * frequency);
      data[row * width + i] = Math.sin(angle);
      data[row * width + half + i] = Math.cos(angle);
    }
  }
  return constant(data, [2 * longest, width]);
}

/** 0 on the diagonal, 1 elsewhere: [1, 1, length, length]. */
function offDiagonal(longest: number, length: number): Node {
  const all = constant(
    Array.from({ length: longest }, (_, place) => place),
    [longest],
  );
  const places = slice(all, 0, 0, length);
  const between = sub(reshape(places, [length, 1]), reshape(places, [1, length]));
  return reshape(minimum(abs(between), scalar(1)), [1, 1, length, length]);
}

/** `longest`: tokens that an input may have; `typeIds` [length * rows] and `bias` [rows, length] are the encoder's. */
export function relations(
  b: Builder,
  { typeIds, bias }: { readonly typeIds: Node; readonly bias: Node },
  { width, longest, dropout }: { readonly width: number; readonly longest: number; readonly dropout: number },
): Relations {
  const { rows, length } = b.bucket;
  const table = sinusoids(longest, width);
  const before = sliceEnd(slice(table, 0, 0, longest), 0, length);
  const after = slice(slice(table, 0, longest, 2 * longest), 0, 0, length);
  const types = transpose(reshape(toFloat(typeIds), [length, rows]), [1, 0]);
  const between = sub(reshape(types, [rows, 1, length, 1]), reshape(types, [rows, 1, 1, length]));
  return {
    distances: b.dropout(concat([before, after], 0), dropout),
    apart: minimum(abs(between), scalar(1)),
    bias: mul(reshape(bias, [rows, 1, 1, length]), offDiagonal(longest, length)),
  };
}

/** Those of the last token of each row as the only query. */
export const lastQuery = ({ distances, apart, bias }: Relations, length: number): Relations => ({
  distances: slice(slice(distances, 0, 1, 2 * length), 0, 0, length), // of the last: length - 1, ..., 0
  apart: sliceEnd(apart, 2, 1),
  bias: sliceEnd(bias, 2, 1),
});

/** A matrix stored [width, heads, head size], in two dimensions. */
function matrix(b: Builder, name: string): Node {
  const [width, heads, size] = b.shape(name);
  return reshape(b.weight(name), [width!, heads! * size!]);
}

/** x [n, width] to heads: [n, heads * head size]. */
function toHeads(b: Builder, x: Node, name: string): Node {
  return b.activation(gemm(b.activation(x, `${name}.input`), matrix(b, name)), `${name}.output`);
}

/** x [n, heads * head size] back: [n, width]. */
function fromHeads(b: Builder, x: Node, name: string): Node {
  return b.activation(linear(b.activation(x, `${name}.input`), matrix(b, name)), `${name}.output`);
}

export interface RelativeAttentionInputs {
  /** What stands before the names of its parameters. */
  readonly name: string;
  /** Tokens that are attended to: [length * rows, width]. */
  readonly hidden: Node;
  /** Tokens that attend: the same, or with `lastQuery` those at the end, [rows, width]. */
  readonly wanted: Node;
  readonly relations: Relations;
  readonly dropout: number;
}

/** -> [wanted, width] */
export function relativeAttention(
  b: Builder,
  { name, hidden, wanted, relations: { distances, apart, bias }, dropout }: RelativeAttentionInputs,
): Node {
  const { rows, length } = b.bucket;
  const [, heads, size] = b.shape(`${name}.q`) as readonly [number, number, number];
  const [queries, batch, scale] = [wanted.shape[0]! / rows, rows * heads, 1 / Math.sqrt(size)];
  const split = (x: Node): Node => reshape(x, [x.shape[0]! / rows, batch, size]);
  const vector = (part: Node): Node => reshape(part, [heads * size]);
  const query = toHeads(b, wanted, `${name}.q`);
  const biased = (part: string): Node => add(query, vector(b.weight(`${name}.${part}`)));
  const product = (asking: Node, asked: Node): Node =>
    batchGemm(split(asking), asked, { batchSecondA: true, batchSecondB: true, transB: true, alpha: scale });

  const content = product(biased('r_w_bias'), split(toHeads(b, hidden, `${name}.k`))); // [batch, queries, length]
  const count = distances.shape[0]!;
  const encoded = reshape(toHeads(b, distances, `${name}.r`), [count, 1, heads * size]);
  const everyRow = reshape(expand(encoded, [count, rows, heads * size]), [count, batch, size]);
  const byDistance = product(biased('r_r_bias'), everyRow); // [batch, queries, count]
  const position = count === length ? byDistance : relativeShift(byDistance); // [batch, queries, length]

  // Of the two segment scores only their difference tells: what all keys share a softmax does not see.
  const segments = b.weight(`${name}.seg_embed`); // [2, heads, size]: of the same segment, of another
  const change = vector(sub(slice(segments, 0, 1, 2), slice(segments, 0, 0, 1)));
  const perQuery = reduceSum(split(mul(biased('r_s_bias'), change)), [2]); // [queries, batch]
  const segment = mul(
    apart,
    mul(reshape(transpose(perQuery, [1, 0]), [rows, heads, queries, 1]), scalar(scale)),
  );

  const places = reshape(add(content, position), [rows, heads, queries, length]);
  const scores = reshape(add(add(places, segment), bias), [batch, queries, length]);
  const probabilities = b.activation(softmax(scores), `${name}.probabilities`);
  const kept = b.dropout(probabilities, dropout);
  const context = batchGemm(kept, split(toHeads(b, hidden, `${name}.v`)), { batchSecondB: true });
  return fromHeads(b, reshape(transpose(context, [1, 0, 2]), [queries * rows, heads * size]), `${name}.o`);
}
