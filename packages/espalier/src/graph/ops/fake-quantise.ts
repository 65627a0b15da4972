// Fake quantisation (Jacob et al., 2018, section 3): values rounded to 8 bits and back, in float32. The arithmetic is
// that of ONNX's QuantizeLinear and DequantizeLinear: division, rounding half to even, zero point, saturation.
import { sizeOf } from '../../tensor/tensor.js';
import type { F64Tensor, Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import { constant, scalar } from '../program.js';
import { straightThrough } from './control.js';
import { abs, greater, mul, sub } from './elementwise.js';
import { roundHalfEven } from './round-half-even.js';

interface QuantiseAttributes {
  /** int8 in -127..127 instead of uint8 in 0..255. */
  readonly signed: boolean;
}

const [UINT8, INT8] = [2, 3]; // TensorProto.DataType

/** x, scale [1] or one per row, zero point (a whole number) of the same shape -> x, rounded. No gradient. */
export const quantiseOp: Op<QuantiseAttributes> = {
  name: 'QuantizeLinear',
  signature: ([x, scale, zeroPoint]) => {
    const [count] = scale!.shape;
    const fits = scale!.shape.length === 1 && (count === 1 || count === x!.shape[0]);
    requireShape(fits && scale!.shape.join() === zeroPoint!.shape.join(), 'QuantizeLinear', [x!, scale!]);
    return [{ shape: x!.shape, dtype: 'float32' }];
  },
  lower: (emit, [x, scale, zeroPoint], outputs, { signed }) => {
    const integer = (value: string): string => {
      const cast = emit.temporary();
      emit.node('Cast', [value], [cast], { to: { int: signed ? INT8 : UINT8 } });
      return cast;
    };
    const [zero, quantised] = [integer(zeroPoint!), emit.temporary()];
    const axis = { axis: { int: 0 } };
    emit.node('QuantizeLinear', [x!, scale!, zero], [quantised], axis);
    const kept = signed ? emit.temporary() : quantised;
    if (signed) emit.node('Clip', [quantised, integer(emit.scalar(-127))], [kept]); // -128 has no opposite
    emit.node('DequantizeLinear', [kept, scale!, zero], outputs, axis);
  },
  evaluate: ([x, scale, zeroPoint], { signed }) => [quantiseF64(x!, scale!, zeroPoint!, signed)],
};

function quantiseF64(x: F64Tensor, scale: F64Tensor, zeroPoint: F64Tensor, signed: boolean): F64Tensor {
  const width = x.data.length / scale.data.length;
  const [low, high] = signed ? [-127, 127] : [0, 255];
  const data = x.data.map((value, index) => {
    const [unit, zero] = [scale.data[Math.floor(index / width)]!, zeroPoint.data[Math.floor(index / width)]!];
    const quantised = Math.max(low, Math.min(high, roundHalfEven(value / unit) + zero));
    return (quantised - zero) * unit;
  });
  return { shape: x.shape, data };
}

/**
 * Weights as int8 in -127..127 with zero point 0: w [rows, ...], scale [1] or [rows] -> w. Zero stays zero. The
 * gradient passes whole: scales come from the largest weight, so nothing is out of range.
 */
export function fakeQuantWeight(w: Node, scale: Node): Node {
  const zeroPoint = constant(new Float32Array(sizeOf(scale.shape)), scale.shape);
  return straightThrough(apply(quantiseOp, [w, scale, zeroPoint], { signed: true }), w);
}

/**
 * Activations as uint8: x, scale [1], zero point [1] -> x. The gradient passes where x is in range, and is zero where
 * it saturates, as in PyTorch's fake_quantize.
 */
export function fakeQuantActivation(x: Node, scale: Node, zeroPoint: Node): Node {
  const quantised = apply(quantiseOp, [x, scale, zeroPoint], { signed: false });
  const inRange = (): Node => {
    const centre = mul(sub(scalar(127.5), zeroPoint), scale);
    return greater(mul(scale, scalar(128)), abs(sub(x, centre)));
  };
  return straightThrough(quantised, x, inRange);
}
