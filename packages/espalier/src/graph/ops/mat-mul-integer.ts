// MatMulInteger of ONNX: the product of a uint8 and an int8 matrix, summed in int32. Forward only.
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';

type None = Record<string, never>;

/** a [m, k] uint8, b [k, n] int8, zero point of a (uint8 scalar) -> (a - zero point) b, [m, n] int32. */
export const matMulIntegerOp: Op<None> = {
  name: 'MatMulInteger',
  signature: ([a, b, zeroPoint]) => {
    const matrices = a!.shape.length === 2 && b!.shape.length === 2 && a!.shape[1] === b!.shape[0];
    const types = a!.dtype === 'uint8' && b!.dtype === 'int8' && zeroPoint!.dtype === 'uint8';
    requireShape(matrices && types && zeroPoint!.shape.length === 0, 'MatMulInteger', [a!, b!]);
    return [{ shape: [a!.shape[0]!, b!.shape[1]!], dtype: 'int32' }];
  },
  lower: (emit, inputs, outputs) => emit.node('MatMulInteger', inputs, outputs),
  evaluate: ([a, b, zeroPoint]) => {
    const [rows, inner] = [a!.shape[0]!, a!.shape[1]!];
    const columns = b!.shape[1]!;
    const data = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++) {
      for (let k = 0; k < inner; k++) {
        const x = a!.data[i * inner + k]! - zeroPoint!.data[0]!;
        for (let j = 0; j < columns; j++) data[i * columns + j]! += x * b!.data[k * columns + j]!;
      }
    }
    return [{ shape: [rows, columns], data }];
  },
};

export const matMulInteger = (a: Node, b: Node, zeroPoint: Node): Node =>
  apply(matMulIntegerOp, [a, b, zeroPoint], {});
