// Layer normalisation over the last axis (Ba et al., 2016), with the mean and inverse deviation kept for the
// backward pass. x [tokens, hidden], weight and bias [hidden].
import type { Node, Op } from '../node.js';
import { applyAll, requireShape } from '../node.js';
import { mul, scale, sub } from './elementwise.js';
import { gemm } from './gemm.js';
import { reduceSum } from './reduce.js';
import { reshape } from './shape.js';

interface LayerNormAttributes {
  readonly epsilon: number;
}

export const layerNormOp: Op<LayerNormAttributes> = {
  name: 'LayerNormalization',
  signature: ([x, weight, bias]) => {
    const fits = [weight!, bias!].every(({ shape }) => shape.join() === `${x!.shape[1]!}`);
    requireShape(x!.shape.length === 2 && fits, 'LayerNormalization', [x!, weight!, bias!]);
    const statistic = { shape: [x!.shape[0]!, 1], dtype: 'float32' } as const;
    return [{ shape: x!.shape, dtype: 'float32' }, statistic, statistic];
  },
  lower: (emit, inputs, outputs, { epsilon }) => {
    const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
    if (!emit.webgpu) {
      emit.node('LayerNormalization', inputs, outputs, attributes);
      return;
    }
    // The WebGPU kernel's variance E[x^2] - E[x]^2 loses its digits where the mean is large, up to a NaN for equal
    // entries, so it gets rows that are centred already.
    const [x, ...affine] = inputs as [string, ...string[]];
    const [y, mean, inverse] = outputs as [string, string, string];
    const centred = emit.temporary();
    emit.node('ReduceMean', [x, emit.integers([-1])], [mean]);
    emit.node('Sub', [x, mean], [centred]);
    emit.node('LayerNormalization', [centred, ...affine], [y, '', inverse], attributes);
  },
  // xh = (x - mean) * inv; dx = inv * (dy*w - mean(dy*w) - xh * mean(dy*w*xh)). The row means are products with
  // w / hidden, which Gemm does faster than a reduction.
  gradient: ({ inputs: [x, weight], outputs: [, mean, inverse], outputGradients: [dy, ...statistics] }) => {
    if (statistics.some((gradient) => gradient !== undefined))
      throw new Error('layerNorm: the mean and deviation have no gradient, so there is no second derivative');
    const hidden = x!.shape[1]!;
    const normalised = mul(sub(x!, mean!), inverse!);
    const product = mul(dy!, normalised);
    const column = scale(reshape(weight!, [hidden, 1]), 1 / hidden);
    const meanGradient = gemm(dy!, column);
    const meanProduct = gemm(product, column);
    const dx = mul(sub(sub(mul(dy!, weight!), mul(normalised, meanProduct)), meanGradient), inverse!);
    return [dx, reduceSum(product, [0]), reduceSum(dy!, [0])];
  },
  evaluate: ([x, weight, bias], { epsilon }) => {
    const [rows, hidden] = x!.shape as [number, number];
    const y = new Float64Array(rows * hidden);
    const means = new Float64Array(rows);
    const inverses = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      const row = x!.data.subarray(i * hidden, (i + 1) * hidden);
      const mean = row.reduce((sum, value) => sum + value, 0) / hidden;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / hidden;
      means[i] = mean;
      inverses[i] = 1 / Math.sqrt(variance + epsilon);
      for (let j = 0; j < hidden; j++) {
        y[i * hidden + j] = (row[j]! - mean) * inverses[i]! * weight!.data[j]! + bias!.data[j]!;
      }
    }
    return [
      { shape: x!.shape, data: y },
      { shape: [rows, 1], data: means },
      { shape: [rows, 1], data: inverses },
    ];
  },
};

/** x [tokens, hidden] -> [tokens, hidden]. Differentiable once. */
export const layerNorm = (x: Node, weight: Node, bias: Node, epsilon: number): Node =>
  applyAll(layerNormOp, [x, weight, bias], { epsilon })[0]!;
