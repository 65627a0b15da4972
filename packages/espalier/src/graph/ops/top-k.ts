// The largest or smallest values of a vector, which quantiles are made of. No gradient.
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';

interface TopKAttributes {
  readonly count: number;
  readonly largest: boolean;
}

/** x [n] -> [count], the most extreme first. */
export const topKOp: Op<TopKAttributes> = {
  name: 'TopK',
  signature: ([x], { count }) => {
    requireShape(x!.shape.length === 1 && count >= 1 && count <= x!.shape[0]!, `TopK of ${count}`, [x!]);
    return [{ shape: [count], dtype: x!.dtype }];
  },
  lower: (emit, [x], [values], { count, largest }) =>
    emit.node('TopK', [x!, emit.integers([count])], [values!, emit.temporary()], {
      axis: { int: 0 },
      largest: { int: largest ? 1 : 0 },
    }),
  evaluate: ([x], { count, largest }) => {
    const sorted = x!.data.slice().sort();
    if (largest) sorted.reverse();
    return [{ shape: [count], data: sorted.slice(0, count) }];
  },
};

export const topK = (x: Node, count: number, largest: boolean): Node =>
  apply(topKOp, [x], { count, largest });
