// NumPy broadcasting: the shape rule, the sum that undoes it, and index arithmetic for naive evaluation.
import type { Shape } from '../../tensor/tensor.js';
import { sizeOf } from '../../tensor/tensor.js';
import type { F64Tensor, Node, Op } from '../node.js';
import { apply } from '../node.js';
import { reduceSum } from './reduce.js';
import { reshape } from './shape.js';

/** Shape of an elementwise result. Throws when an extent is neither equal nor 1. */
export function broadcastShape(a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[a.length - rank + axis] ?? 1;
    const y = b[b.length - rank + axis] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new Error(`cannot broadcast [${a.join(', ')}] with [${b.join(', ')}]`);
    return x === 1 ? y : x;
  });
}

/** Sums a gradient over the axes along which `shape` was broadcast. */
export function unbroadcast(gradient: Node, shape: Shape): Node {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((extent, axis) =>
    axis < extra || (shape[axis - extra] === 1 && extent !== 1) ? [axis] : [],
  );
  if (axes.length === 0) return gradient;
  const summed = reduceSum(gradient, axes, true);
  return summed.shape.length === shape.length ? summed : reshape(summed, shape);
}

/** Row-major strides, with 0 where the extent is 1, aligned to `rank` axes. */
function broadcastStrides(shape: Shape, rank: number): number[] {
  const strides = new Array<number>(rank).fill(0);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    if (extent !== 1) strides[rank - shape.length + axis] = stride;
    stride *= extent;
  }
  return strides;
}

/** Naive elementwise evaluation with broadcasting. */
export function zip(a: F64Tensor, b: F64Tensor, combine: (x: number, y: number) => number): F64Tensor {
  const shape = broadcastShape(a.shape, b.shape);
  const data = new Float64Array(sizeOf(shape));
  const aStrides = broadcastStrides(a.shape, shape.length);
  const bStrides = broadcastStrides(b.shape, shape.length);
  const index = new Array<number>(shape.length).fill(0);
  for (let flat = 0; flat < data.length; flat++) {
    let aOffset = 0;
    let bOffset = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      aOffset += index[axis]! * aStrides[axis]!;
      bOffset += index[axis]! * bStrides[axis]!;
    }
    data[flat] = combine(a.data[aOffset]!, b.data[bOffset]!);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]!++;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return { shape, data };
}

interface ExpandAttributes {
  readonly shape: Shape;
}

/** Repeats a tensor along its axes of extent 1. */
export const expandOp: Op<ExpandAttributes> = {
  name: 'Expand',
  signature: ([x], { shape }) => [{ shape: broadcastShape(x!.shape, shape), dtype: x!.dtype }],
  lower: (emit, [x], outputs, { shape }) => emit.node('Expand', [x!, emit.integers(shape)], outputs),
  gradient: ({ inputs: [x], outputGradients: [dy] }) => [unbroadcast(dy!, x!.shape)],
  evaluate: ([x], { shape }) => [zip(x!, { shape, data: new Float64Array(sizeOf(shape)) }, (value) => value)],
};

export const expand = (x: Node, shape: Shape): Node =>
  x.shape.join() === shape.join() ? x : apply(expandOp, [x], { shape });
