// log(sum(exp(x))) over the last axis, for losses over a vocabulary: one pass of LogSoftmax serves value and gradient.
import type { F64Tensor, Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import { exp, mul } from './elementwise.js';
import { logSoftmaxOp } from './softmax.js';

type None = Record<string, never>;

/** x [rows, width] -> [rows, 1], and log-probabilities [rows, width]. */
export const logSumExpOp: Op<None> = {
  name: 'LogSumExp',
  signature: ([x]) => {
    requireShape(x!.shape.length === 2, 'LogSumExp', [x!]);
    return [
      { shape: [x!.shape[0]!, 1], dtype: 'float32' },
      { shape: x!.shape, dtype: 'float32' },
    ];
  },
  // The sum is what lies between an entry and its log-probability; the first entry serves.
  lower: (emit, [x], [sum, logProbabilities]) => {
    const first = (of: string): string => {
      const column = emit.temporary();
      emit.node('Slice', [of, emit.integers([0]), emit.integers([1]), emit.integers([1])], [column]);
      return column;
    };
    emit.node('LogSoftmax', [x!], [logProbabilities!], { axis: { int: -1 } });
    emit.node('Sub', [first(x!), first(logProbabilities!)], [sum!]);
  },
  gradient: ({ outputs: [, logProbabilities], outputGradients: [dy] }) => [
    dy && mul(exp(logProbabilities!), dy),
  ],
  evaluate: ([x], _attributes, application) => {
    const [logProbabilities] = logSoftmaxOp.evaluate([x!], {}, application) as [F64Tensor];
    const [rows, width] = x!.shape as [number, number];
    const data = Float64Array.from(
      { length: rows },
      (_, row) => x!.data[row * width]! - logProbabilities.data[row * width]!,
    );
    return [{ shape: [rows, 1], data }, logProbabilities];
  },
};

export const logSumExp = (x: Node): Node => apply(logSumExpOp, [x], {});
