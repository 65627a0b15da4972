// Scaled dot-product attention over s-major token arrays (Vaswani et al., 2017). An array [length * rows, hidden]
// is, without copying, [length, rows * heads, head size], which the batched product reads directly.
import type { Node } from '../graph/node.js';
import { add, batchGemm, expand, mul, reshape, softmax, transpose } from '../graph/ops/index.js';
import type { Builder } from './builder.js';

export interface AttentionInputs {
  /** [queries * rows, heads * headSize]; fewer queries than keys where only some outputs are needed. */
  readonly query: Node;
  /** [length * rows, heads * headSize] */
  readonly key: Node;
  readonly value: Node;
  /** [rows, length]: 0 for a real token, a large negative number for padding. */
  readonly bias: Node;
  readonly headSize: number;
  readonly dropout: number;
  /** Name of the site of the probabilities. */
  readonly site: string;
}

/** -> [queries * rows, heads * headSize] */
export function attention(
  b: Builder,
  { query, key, value, bias, headSize, dropout, site }: AttentionInputs,
): Node {
  const { rows } = b.bucket;
  const width = query.shape[1]!;
  const heads = width / headSize;
  const split = (x: Node): Node => reshape(x, [x.shape[0]! / rows, rows * heads, headSize]);
  const length = key.shape[0]! / rows;
  const scores = batchGemm(split(query), split(key), {
    batchSecondA: true,
    batchSecondB: true,
    transB: true,
    alpha: 1 / Math.sqrt(headSize),
  }); // [rows * heads, queries, length]
  const perHead = reshape(expand(reshape(bias, [rows, 1, 1, length]), [rows, heads, 1, length]), [
    rows * heads,
    1,
    length,
  ]);
  const probabilities = b.activation(softmax(add(scores, perHead)), site);
  const mask = b.dropoutMask(probabilities.shape, dropout);
  const kept = mask ? mul(probabilities, mask) : probabilities;
  const context = batchGemm(kept, split(value), { batchSecondB: true }); // [rows * heads, queries, headSize]
  return reshape(transpose(context, [1, 0, 2]), [query.shape[0]!, width]);
}
