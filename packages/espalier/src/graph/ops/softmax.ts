// Softmax and its logarithm over the last axis.
import type { F64Tensor, Node, Op, Signature } from '../node.js';
import { apply, requireShape } from '../node.js';
import { exp, mul, sub } from './elementwise.js';
import { reduceSum } from './reduce.js';

type None = Record<string, never>;

function signature([x]: readonly Node[]): readonly Signature[] {
  requireShape(x!.shape.length > 0, 'Softmax', [x!]);
  return [{ shape: x!.shape, dtype: 'float32' }];
}

const lastAxis = (x: Node): number[] => [x.shape.length - 1];

function softmaxF64({ shape, data }: F64Tensor, logarithm: boolean): F64Tensor {
  const width = shape[shape.length - 1]!;
  const result = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += width) {
    const row = data.subarray(start, start + width);
    const largest = row.reduce((a, b) => Math.max(a, b));
    const logSum = Math.log(row.reduce((sum, value) => sum + Math.exp(value - largest), 0));
    for (let j = 0; j < width; j++) {
      const logProbability = row[j]! - largest - logSum;
      result[start + j] = logarithm ? logProbability : Math.exp(logProbability);
    }
  }
  return { shape, data: result };
}

/** Backward as P * (dP - rowsum(dP * P)): the form from the output alone is five times less accurate. */
export const softmaxOp: Op<None> = {
  name: 'Softmax',
  signature,
  lower: (emit, inputs, outputs) => emit.node('Softmax', inputs, outputs, { axis: { int: -1 } }),
  gradient: ({ outputs: [p], outputGradients: [dp] }) => [
    mul(p!, sub(dp!, reduceSum(mul(dp!, p!), lastAxis(p!), true))),
  ],
  evaluate: ([x]) => [softmaxF64(x!, false)],
};

export const logSoftmaxOp: Op<None> = {
  name: 'LogSoftmax',
  signature,
  lower: (emit, inputs, outputs) => emit.node('LogSoftmax', inputs, outputs, { axis: { int: -1 } }),
  gradient: ({ outputs: [y], outputGradients: [dy] }) => [
    sub(dy!, mul(exp(y!), reduceSum(dy!, lastAxis(y!), true))),
  ],
  evaluate: ([x]) => [softmaxF64(x!, true)],
};

export const softmax = (x: Node): Node => apply(softmaxOp, [x], {});
export const logSoftmax = (x: Node): Node => apply(logSoftmaxOp, [x], {});
