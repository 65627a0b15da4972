// Position of the largest entry over the last axis; of equal ones the first.
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';

type None = Record<string, never>;

/** x [..., width] -> [..., 1] int64. No gradient. */
export const argMaxOp: Op<None> = {
  name: 'ArgMax',
  signature: ([x]) => {
    requireShape(x!.shape.length > 0, 'ArgMax', [x!]);
    return [{ shape: [...x!.shape.slice(0, -1), 1], dtype: 'int64' }];
  },
  lower: (emit, inputs, outputs) =>
    emit.node('ArgMax', inputs, outputs, { axis: { int: -1 }, keepdims: { int: 1 } }),
  evaluate: ([x], _attributes, application) => {
    const width = x!.shape[x!.shape.length - 1]!;
    const { shape } = application.outputs[0]!;
    const data = Float64Array.from({ length: x!.data.length / width }, (_, row) => {
      const values = x!.data.subarray(row * width, (row + 1) * width);
      return values.reduce((best, value, index) => (value > values[best]! ? index : best), 0);
    });
    return [{ shape, data }];
  },
};

export const argMax = (x: Node): Node => apply(argMaxOp, [x], {});
