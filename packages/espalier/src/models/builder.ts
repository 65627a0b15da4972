// What a model family sees while it describes its forward pass: weights by Hugging Face name, the layers made of
// them, dropout, and named sites. Methods stand behind it and may change every weight and every site.
import type { Node } from '../graph/node.js';
import { layerNorm, linear, mul } from '../graph/ops/index.js';

/** Static shape of one graph: `rows` sequences of `length` tokens, s-major (token s of row b at s * rows + b). */
export interface BucketShape {
  readonly rows: number;
  readonly length: number;
}

/** Where a builder gets its nodes from. The training loop and plain inference each provide one. */
export interface Weights {
  has(name: string): boolean;
  /** Shape of a stored tensor. Throws when it is missing. */
  shape(name: string): readonly number[];
  /** The whole tensor as the forward pass sees it. */
  weight(name: string): Node;
  /** Rows `ids` of a table [n, width] as the forward pass sees them: [count, width]. */
  rows(name: string, ids: Node): Node;
  /** A named activation, as methods want it seen. */
  activation(node: Node, site: string): Node;
  /** A dropout mask of zeros and 1/(1-p), or undefined when dropout is off. */
  dropoutMask(shape: readonly number[], probability: number): Node | undefined;
  /** A linear layer computed in another way; without it, or where it gives nothing, as product and bias. */
  linear?(x: Node, name: string): Node | undefined;
}

export interface Builder extends Weights {
  readonly bucket: BucketShape;
  /** x [tokens, in] -> [tokens, out] with `${name}.weight` [out, in] and `${name}.bias` [out] if there. */
  linear(x: Node, name: string): Node;
  /** x [tokens, hidden] -> same, with `${name}.weight` and `${name}.bias`. */
  layerNorm(x: Node, name: string, epsilon: number): Node;
  dropout(x: Node, probability: number): Node;
}

export function createBuilder(bucket: BucketShape, weights: Weights): Builder {
  const builder: Builder = {
    ...weights,
    bucket,
    linear: (x, name) => {
      const other = weights.linear?.(x, name);
      if (other) return other;
      const seen = weights.activation(x, `${name}.input`);
      const bias = weights.has(`${name}.bias`) ? weights.weight(`${name}.bias`) : undefined;
      return weights.activation(linear(seen, weights.weight(`${name}.weight`), bias), `${name}.output`);
    },
    layerNorm: (x, name, epsilon) =>
      layerNorm(x, weights.weight(`${name}.weight`), weights.weight(`${name}.bias`), epsilon),
    dropout: (x, probability) => {
      const mask = weights.dropoutMask(x.shape, probability);
      return mask ? mul(x, mask) : x;
    },
  };
  return builder;
}
