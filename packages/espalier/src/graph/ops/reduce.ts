// Reductions over named axes.
import { sizeOf } from '../../tensor/tensor.js';
import type { F64Tensor, Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import { expand } from './broadcast.js';
import { scale } from './elementwise.js';
import { reshape } from './shape.js';

interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDimensions: boolean;
}

const keptShape = (node: { shape: readonly number[] }, axes: readonly number[]): number[] =>
  node.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));

function reduceOp(
  type: string,
  initial: number,
  combine: (sum: number, value: number) => number,
): Op<ReduceAttributes> {
  return {
    name: type,
    signature: ([x], { axes, keepDimensions }) => {
      requireShape(
        axes.every((axis) => axis in x!.shape),
        `${type} over axes ${axes.join()}`,
        [x!],
      );
      const shape = keepDimensions ? keptShape(x!, axes) : x!.shape.filter((_, axis) => !axes.includes(axis));
      return [{ shape, dtype: x!.dtype }];
    },
    lower: (emit, [x], outputs, { axes, keepDimensions }) => {
      const attributes = { keepdims: { int: keepDimensions ? 1 : 0 }, noop_with_empty_axes: { int: 1 } };
      emit.node(type, [x!, emit.integers(axes)], outputs, attributes);
    },
    evaluate: ([x], { axes }, application) => [
      reduceF64(x!, axes, application.outputs[0]!.shape, initial, combine),
    ],
  };
}

function reduceF64(
  { shape, data }: F64Tensor,
  axes: readonly number[],
  resultShape: readonly number[],
  initial: number,
  combine: (sum: number, value: number) => number,
): F64Tensor {
  const kept = keptShape({ shape }, axes);
  const result = new Float64Array(sizeOf(kept)).fill(initial);
  for (let flat = 0; flat < data.length; flat++) {
    let rest = flat;
    let target = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const position = rest % shape[axis]!;
      rest = (rest - position) / shape[axis]!;
      if (!axes.includes(axis)) target += position * stride;
      stride *= kept[axis]!;
    }
    result[target] = combine(result[target]!, data[flat]!);
  }
  return { shape: resultShape, data: result };
}

export const reduceSumOp: Op<ReduceAttributes> = {
  ...reduceOp('ReduceSum', 0, (sum, value) => sum + value),
  gradient: ({ inputs: [x], attributes: { axes }, outputGradients: [dy] }) => [
    expand(reshape(dy!, keptShape(x!, axes)), x!.shape),
  ],
};
export const reduceMaxOp = reduceOp('ReduceMax', Number.NEGATIVE_INFINITY, Math.max);
export const reduceMinOp = reduceOp('ReduceMin', Number.POSITIVE_INFINITY, Math.min);

const allAxes = (x: Node): number[] => x.shape.map((_, axis) => axis);

export const reduceSum = (x: Node, axes: readonly number[] = allAxes(x), keepDimensions = false): Node =>
  apply(reduceSumOp, [x], { axes, keepDimensions });
/** Maximum; the gradient stops here. */
export const reduceMax = (x: Node, axes: readonly number[] = allAxes(x), keepDimensions = false): Node =>
  apply(reduceMaxOp, [x], { axes, keepDimensions });
/** Minimum; the gradient stops here. */
export const reduceMin = (x: Node, axes: readonly number[] = allAxes(x), keepDimensions = false): Node =>
  apply(reduceMinOp, [x], { axes, keepDimensions });
export function reduceMean(x: Node, axes: readonly number[] = allAxes(x), keepDimensions = false): Node {
  const count = axes.reduce((product, axis) => product * x.shape[axis]!, 1);
  return scale(reduceSum(x, axes, keepDimensions), 1 / count);
}
