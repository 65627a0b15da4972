// QuantizeLinear and DequantizeLinear of ONNX: real = scale * (q - zero point). Both run forward only.
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import { roundHalfEven } from './round-half-even.js';

type None = Record<string, never>;

/** round(x / scale) + zero point, kept within 0..255. */
export const toByte = (x: number, scale: number, zeroPoint: number): number =>
  Math.max(0, Math.min(255, roundHalfEven(x / scale) + zeroPoint));

/** x float32, scale float32 scalar, zero point uint8 scalar -> uint8 of x's shape. */
export const quantizeLinearOp: Op<None> = {
  name: 'QuantizeToUint8',
  signature: ([x, scale, zeroPoint]) => {
    const fits = scale!.shape.length === 0 && zeroPoint!.shape.length === 0 && zeroPoint!.dtype === 'uint8';
    requireShape(fits, 'QuantizeToUint8', [x!, scale!, zeroPoint!]);
    return [{ shape: x!.shape, dtype: 'uint8' }];
  },
  lower: (emit, inputs, outputs) => emit.node('QuantizeLinear', inputs, outputs),
  evaluate: ([x, scale, zeroPoint]) => [
    { shape: x!.shape, data: x!.data.map((value) => toByte(value, scale!.data[0]!, zeroPoint!.data[0]!)) },
  ],
};

export const quantizeLinear = (x: Node, scale: Node, zeroPoint: Node): Node =>
  apply(quantizeLinearOp, [x, scale, zeroPoint], {});

interface DequantizeAttributes {
  /** Axis along which a vector of scales runs; of no effect with one scale. */
  readonly axis: number;
}

/** q integers, scale float32 scalar or [q.shape[axis]], zero points alike of q's type, 0 if absent -> float32. */
export const dequantizeLinearOp: Op<DequantizeAttributes> = {
  name: 'DequantizeLinear',
  signature: ([q, scale, zeroPoint], { axis }) => {
    const fits = scale!.shape.length === 0 || scale!.shape.join() === String(q!.shape[axis]);
    const like =
      !zeroPoint || (zeroPoint.shape.join() === scale!.shape.join() && zeroPoint.dtype === q!.dtype);
    requireShape(fits && like, `DequantizeLinear along axis ${axis}`, [q!, scale!]);
    return [{ shape: q!.shape, dtype: 'float32' }];
  },
  lower: (emit, inputs, outputs, { axis }) => {
    emit.node('DequantizeLinear', inputs, outputs, { axis: { int: axis } });
  },
  evaluate: ([q, scale, zeroPoint], { axis }) => {
    const inner = q!.shape.slice(axis + 1).reduce((size, extent) => size * extent, 1);
    const data = q!.data.map((value, flat) => {
      const place = Math.floor(flat / inner) % scale!.data.length;
      return (value - (zeroPoint?.data[place] ?? 0)) * scale!.data[place]!;
    });
    return [{ shape: q!.shape, data }];
  },
};

/** With a vector of scales, one for each position along `axis`. */
export const dequantizeLinear = (
  q: Node,
  scale: Node,
  { zeroPoint, axis = 0 }: { readonly zeroPoint?: Node; readonly axis?: number } = {},
): Node => apply(dequantizeLinearOp, zeroPoint ? [q, scale, zeroPoint] : [q, scale], { axis });
