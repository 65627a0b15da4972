// The shift of relative attention (Transformer-XL, Dai et al., 2019; XLNet): scores by distance become scores by place.
// An op of its own, since the trick behind it passes through rows of 2 * length - 1, which a file of open length can
// only leave to be inferred.
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import { scalar } from '../program.js';
import { expand } from './broadcast.js';
import { concat, reshape } from './shape.js';

interface RelativeShiftAttributes {
  readonly batch: number;
  readonly length: number;
}

export const relativeShiftOp: Op<RelativeShiftAttributes> = {
  name: 'RelativeShift',
  signature: ([x], { batch, length }) => {
    requireShape(x!.shape.join() === [batch, length, 2 * length].join(), 'RelativeShift', [x!]);
    return [{ shape: [batch, length, length], dtype: x!.dtype }];
  },
  lower: (emit, [x], outputs, { batch, length }) => {
    const emitted = (type: string, ...read: string[]): string => {
      const name = emit.temporary();
      emit.node(type, read, [name]);
      return name;
    };
    const within = (from: number, to: number, axis: number): string[] =>
      [from, to, axis].map((value) => emit.integers([value]));
    const tall = emitted('Reshape', x!, emit.integers([batch, 2 * length, length]));
    const cut = emitted('Slice', tall, ...within(1, 2 * length, 1));
    const shifted = emitted('Reshape', cut, emit.integers([batch, length, -1]));
    emit.node('Slice', [shifted, ...within(0, length, 2)], outputs);
  },
  gradient: ({ inputs: [x], attributes: { batch, length }, outputGradients: [dy] }) => {
    const zeros = (shape: readonly number[]): Node => expand(scalar(0), shape);
    const wide = length > 1 ? concat([dy!, zeros([batch, length, length - 1])], 2) : dy!;
    const tall = reshape(wide, [batch, 2 * length - 1, length]);
    return [reshape(concat([zeros([batch, 1, length]), tall], 1), x!.shape)];
  },
  evaluate: ([x], { batch, length }) => {
    const data = new Float64Array(batch * length * length);
    for (let row = 0; row < batch * length; row++) {
      const from = row * 2 * length + length - (row % length);
      data.set(x!.data.subarray(from, from + length), row * length);
    }
    return [{ shape: [batch, length, length], data }];
  },
};

/** x [batch, length, 2 * length] -> y [batch, length, length], where y[b, i, j] = x[b, i, length + j - i]. */
export function relativeShift(x: Node): Node {
  const [batch, length] = x.shape;
  return apply(relativeShiftOp, [x], { batch: batch!, length: length! });
}
