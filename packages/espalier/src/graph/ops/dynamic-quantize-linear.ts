// DynamicQuantizeLinear of ONNX: uint8 by the range of the array itself, widened to hold 0. Forward only.
import type { Node, Op } from '../node.js';
import { applyAll } from '../node.js';
import { toByte } from './quantize-linear.js';

type None = Record<string, never>;

/** x float32 -> uint8 of x's shape, its scale (float32 scalar), its zero point (uint8 scalar). */
export const dynamicQuantizeLinearOp: Op<None> = {
  name: 'DynamicQuantizeLinear',
  signature: ([x]) => [
    { shape: x!.shape, dtype: 'uint8' },
    { shape: [], dtype: 'float32' },
    { shape: [], dtype: 'uint8' },
  ],
  lower: (emit, inputs, outputs) => emit.node('DynamicQuantizeLinear', inputs, outputs),
  evaluate: ([x]) => {
    const low = x!.data.reduce((a, b) => Math.min(a, b), 0);
    const high = x!.data.reduce((a, b) => Math.max(a, b), 0);
    const scale = high === low ? 1 : (high - low) / 255;
    const zeroPoint = toByte(-low, scale, 0);
    return [
      { shape: x!.shape, data: x!.data.map((value) => toByte(value, scale, zeroPoint)) },
      { shape: [], data: Float64Array.of(scale) },
      { shape: [], data: Float64Array.of(zeroPoint) },
    ];
  },
};

export interface DynamicallyQuantized {
  readonly q: Node;
  readonly scale: Node;
  readonly zeroPoint: Node;
}

export function dynamicQuantizeLinear(x: Node): DynamicallyQuantized {
  const [q, scale, zeroPoint] = applyAll(dynamicQuantizeLinearOp, [x], {});
  return { q: q!, scale: scale!, zeroPoint: zeroPoint! };
}
