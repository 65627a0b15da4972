// Ops that move values without changing them: reshape, transpose, slice, concat.
import { sizeOf } from '../../tensor/tensor.js';
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import { scalar } from '../program.js';
import { expand } from './broadcast.js';

interface ReshapeAttributes {
  readonly shape: readonly number[];
}

export const reshapeOp: Op<ReshapeAttributes> = {
  name: 'Reshape',
  signature: ([x], { shape }) => {
    requireShape(sizeOf(x!.shape) === sizeOf(shape), `Reshape to [${shape.join(', ')}]`, [x!]);
    return [{ shape, dtype: x!.dtype }];
  },
  lower: (emit, [x], outputs, { shape }) => emit.node('Reshape', [x!, emit.integers(shape)], outputs),
  gradient: ({ inputs: [x], outputGradients: [dy] }) => [reshape(dy!, x!.shape)],
  evaluate: ([x], { shape }) => [{ shape, data: x!.data }],
};

export const reshape = (x: Node, shape: readonly number[]): Node =>
  x.shape.length === shape.length && x.shape.every((extent, axis) => extent === shape[axis])
    ? x
    : apply(reshapeOp, [x], { shape });

interface TransposeAttributes {
  readonly permutation: readonly number[];
}

/** Output axis i is input axis permutation[i]. */
export const transposeOp: Op<TransposeAttributes> = {
  name: 'Transpose',
  signature: ([x], { permutation }) => {
    const isPermutation = [...permutation].sort((a, b) => a - b).every((axis, i) => axis === i);
    const fits = permutation.length === x!.shape.length && isPermutation;
    requireShape(fits, `Transpose by ${permutation.join()}`, [x!]);
    return [{ shape: permutation.map((axis) => x!.shape[axis]!), dtype: x!.dtype }];
  },
  lower: (emit, inputs, outputs, { permutation }) => {
    emit.node('Transpose', inputs, outputs, { perm: { ints: permutation } });
  },
  gradient: ({ attributes: { permutation }, outputGradients: [dy] }) => {
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    return [transpose(dy!, inverse)];
  },
  evaluate: ([x], { permutation }, application) => {
    const { shape } = application.outputs[0]!;
    const strides = x!.shape.map((_, axis) => sizeOf(x!.shape.slice(axis + 1)));
    const data = new Float64Array(x!.data.length);
    for (let flat = 0; flat < data.length; flat++) {
      let rest = flat;
      let source = 0;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        const position = rest % shape[axis]!;
        rest = (rest - position) / shape[axis]!;
        source += position * strides[permutation[axis]!]!;
      }
      data[flat] = x!.data[source]!;
    }
    return [{ shape, data }];
  },
};

export const transpose = (x: Node, permutation: readonly number[]): Node =>
  apply(transposeOp, [x], { permutation });

interface SliceAttributes {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  /** In an exported file `start` is counted from the end. */
  readonly fromEnd: boolean;
}

/** Elements start..end-1 of one axis. */
export const sliceOp: Op<SliceAttributes> = {
  name: 'Slice',
  signature: ([x], { axis, start, end }) => {
    requireShape(
      start >= 0 && start < end && end <= x!.shape[axis]!,
      `Slice ${start}..${end} of axis ${axis}`,
      [x!],
    );
    return [{ shape: x!.shape.map((extent, i) => (i === axis ? end - start : extent)), dtype: x!.dtype }];
  },
  lower: (emit, [x], outputs, { axis, start, end, fromEnd }) => {
    const from = emit.integers([fromEnd ? start - end : start]);
    emit.node('Slice', [x!, from, emit.integers([end]), emit.integers([axis])], outputs);
  },
  gradient: ({ inputs: [x], attributes: { axis, start, end }, outputGradients: [dy] }) => {
    const zeros = (extent: number): Node[] => {
      if (extent === 0) return [];
      const shape = x!.shape.map((whole, i) => (i === axis ? extent : whole));
      return [expand(scalar(0), shape)]; // not a constant: the file stays small
    };
    return [concat([...zeros(start), dy!, ...zeros(x!.shape[axis]! - end)], axis)];
  },
  evaluate: ([x], { axis, start, end }, application) => {
    const inner = sizeOf(x!.shape.slice(axis + 1));
    const extent = x!.shape[axis]!;
    const { shape } = application.outputs[0]!;
    const data = new Float64Array(sizeOf(shape));
    for (let outer = 0, target = 0; outer < x!.data.length; outer += extent * inner) {
      const part = x!.data.subarray(outer + start * inner, outer + end * inner);
      data.set(part, target);
      target += part.length;
    }
    return [{ shape, data }];
  },
};

export const slice = (x: Node, axis: number, start: number, end: number): Node =>
  start === 0 && end === x.shape[axis] ? x : apply(sliceOp, [x], { axis, start, end, fromEnd: false });

/** The last `count` elements of one axis; in an exported file `count` may be open where the axis is not, and both. */
export function sliceEnd(x: Node, axis: number, count: number): Node {
  const end = x.shape[axis]!;
  return count === end ? x : apply(sliceOp, [x], { axis, start: end - count, end, fromEnd: true });
}

interface ConcatAttributes {
  readonly axis: number;
}

export const concatOp: Op<ConcatAttributes> = {
  name: 'Concat',
  signature: (inputs, { axis }) => {
    const [first] = inputs;
    const rest = (node: Node): string => node.shape.filter((_, i) => i !== axis).join();
    requireShape(
      axis in first!.shape && inputs.every((node) => rest(node) === rest(first!)),
      `Concat along axis ${axis}`,
      inputs,
    );
    const extent = inputs.reduce((sum, node) => sum + node.shape[axis]!, 0);
    return [{ shape: first!.shape.map((whole, i) => (i === axis ? extent : whole)), dtype: first!.dtype }];
  },
  lower: (emit, inputs, outputs, { axis }) => emit.node('Concat', inputs, outputs, { axis: { int: axis } }),
  gradient: ({ inputs, attributes: { axis }, outputGradients: [dy] }) => {
    let start = 0;
    return inputs.map((node) => {
      const part = slice(dy!, axis, start, start + node.shape[axis]!);
      start += node.shape[axis]!;
      return part;
    });
  },
  evaluate: (inputs, { axis }, application) => {
    const { shape } = application.outputs[0]!;
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = sizeOf(shape.slice(0, axis));
    const data = new Float64Array(sizeOf(shape));
    let target = 0;
    for (let block = 0; block < outer; block++) {
      for (const { shape: partShape, data: part } of inputs) {
        const length = partShape[axis]! * inner;
        data.set(part.subarray(block * length, (block + 1) * length), target);
        target += length;
      }
    }
    return [{ shape, data }];
  },
};

export const concat = (inputs: readonly Node[], axis: number): Node =>
  inputs.length === 1 ? inputs[0]! : apply(concatOp, inputs, { axis });
