// Matrix products: the 2-D Gemm of linear layers and the batched product of attention.
import type { F64Tensor, Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import type { OnnxEmitter } from '../emitter.js';
import { broadcastShape, unbroadcast, zip } from './broadcast.js';
import { transpose } from './shape.js';

interface GemmAttributes {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

const flag = (value: boolean): { int: number } => ({ int: value ? 1 : 0 });

/** alpha * op(a) op(b) + c, for matrices; c broadcasts. */
export const gemmOp: Op<GemmAttributes> = {
  name: 'Gemm',
  signature: ([a, b, c], { transA, transB }) => {
    const [rows, inner] = transA ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!];
    const [inner2, columns] = transB ? [b!.shape[1]!, b!.shape[0]!] : [b!.shape[0]!, b!.shape[1]!];
    requireShape(a!.shape.length === 2 && b!.shape.length === 2 && inner === inner2, 'Gemm', [a!, b!]);
    if (c)
      requireShape(broadcastShape(c.shape, [rows, columns]).join() === `${rows},${columns}`, 'Gemm C', [c]);
    return [{ shape: [rows, columns], dtype: 'float32' }];
  },
  lower: (emit, inputs, outputs, { transA, transB, alpha }) => {
    const attributes = { transA: flag(transA), transB: flag(transB), alpha: { float: alpha } };
    emit.node('Gemm', inputs, outputs, attributes);
  },
  gradient: ({ inputs: [a, b, c], attributes: { transA, transB, alpha }, outputGradients: [dy] }) => [
    transA
      ? gemm(b!, dy!, { transA: transB, transB: true, alpha })
      : gemm(dy!, b!, { transB: !transB, alpha }),
    transB
      ? gemm(dy!, a!, { transA: true, transB: transA, alpha })
      : gemm(a!, dy!, { transA: !transA, alpha }),
    c && unbroadcast(dy!, c.shape),
  ],
  evaluate: ([a, b, c], { transA, transB, alpha }) => {
    const product = multiply(a!, b!, transA, transB, alpha);
    return [c ? zip(product, c, (x, y) => x + y) : product];
  },
};

/** Naive alpha * op(a) op(b) over the last two axes of rank-2 arrays. */
function multiply(a: F64Tensor, b: F64Tensor, transA: boolean, transB: boolean, alpha: number): F64Tensor {
  const [rows, inner] = transA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const columns = transB ? b.shape[0]! : b.shape[1]!;
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) {
        const x = a.data[transA ? k * rows + i : i * inner + k]!;
        const y = b.data[transB ? j * inner + k : k * columns + j]!;
        sum += x * y;
      }
      data[i * columns + j] = alpha * sum;
    }
  }
  return { shape: [rows, columns], data };
}

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
  /** Added to the product; broadcasts. */
  readonly c?: Node;
}

/** alpha * op(a) op(b) + c: a [m, k], b [k, n] (before transposition), c broadcast to [m, n] -> [m, n]. */
export function gemm(
  a: Node,
  b: Node,
  { transA = false, transB = false, alpha = 1, c }: GemmOptions = {},
): Node {
  return apply(gemmOp, c ? [a, b, c] : [a, b], { transA, transB, alpha });
}

/** The linear layer of PyTorch: x [tokens, in], weight [out, in], bias [out] -> [tokens, out]. */
export const linear = (x: Node, weight: Node, bias?: Node): Node =>
  gemm(x, weight, { transB: true, ...(bias && { c: bias }) });

/** `product + addend` as one Gemm, if `product` is a Gemm without a C input. */
export function withAddend(product: Node, addend: Node): Node | undefined {
  if (product.apply.op !== gemmOp || product.apply.inputs.length !== 2) return undefined;
  const [a, b] = product.apply.inputs;
  return gemm(a!, b!, { ...(product.apply.attributes as GemmAttributes), c: addend });
}

interface BatchGemmAttributes {
  readonly transA: boolean;
  readonly transB: boolean;
  /** The array is stored [rows, batch, columns]: batch and first matrix axis are exchanged. */
  readonly batchSecondA: boolean;
  readonly batchSecondB: boolean;
  readonly alpha: number;
}

/** Shape of one operand as [batch, rows, columns] after both exchanges. */
function operand(shape: readonly number[], batchSecond: boolean, trans: boolean): [number, number, number] {
  const [batch, rows, columns] = batchSecond
    ? [shape[1]!, shape[0]!, shape[2]!]
    : [shape[0]!, shape[1]!, shape[2]!];
  return trans ? [batch, columns, rows] : [batch, rows, columns];
}

/** alpha * op(a) op(b) for every entry of a batch, without copying s-major arrays. */
export const batchGemmOp: Op<BatchGemmAttributes> = {
  name: 'FusedMatMul',
  signature: ([a, b], { transA, transB, batchSecondA, batchSecondB }) => {
    const [batch, rows, inner] = operand(a!.shape, batchSecondA, transA);
    const [batch2, inner2, columns] = operand(b!.shape, batchSecondB, transB);
    const fits = a!.shape.length === 3 && b!.shape.length === 3 && batch === batch2 && inner === inner2;
    requireShape(fits, 'FusedMatMul', [a!, b!]);
    return [{ shape: [batch, rows, columns], dtype: 'float32' }];
  },
  lower: (emit, inputs, outputs, { transA, transB, batchSecondA, batchSecondB, alpha }) => {
    if (emit.standard) {
      const product = emit.temporary();
      const a = arranged(emit, inputs[0]!, batchSecondA, transA);
      const b = arranged(emit, inputs[1]!, batchSecondB, transB);
      emit.node('MatMul', [a, b], [product]);
      emit.node('Mul', [product, emit.scalar(alpha)], outputs);
      return;
    }
    const attributes = {
      transA: flag(transA),
      transB: flag(transB),
      transBatchA: flag(batchSecondA),
      transBatchB: flag(batchSecondB),
      alpha: { float: alpha },
    };
    emit.node('FusedMatMul', inputs, outputs, attributes, 'com.microsoft');
  },
  gradient: ({ inputs: [a, b], attributes, outputGradients: [dy] }) => {
    const { transA, transB, batchSecondA, batchSecondB, alpha } = attributes;
    const forB = { alpha, batchSecondB };
    const forA = { alpha, batchSecondA };
    const da = transA
      ? batchGemm(b!, dy!, { alpha, batchSecondA: batchSecondB, transA: transB, transB: true })
      : batchGemm(dy!, b!, { ...forB, transB: !transB });
    const db = transB
      ? batchGemm(dy!, a!, { alpha, batchSecondB: batchSecondA, transA: true, transB: transA })
      : batchGemm(a!, dy!, { ...forA, transA: !transA });
    const stored = (gradient: Node, batchSecond: boolean): Node =>
      batchSecond ? transpose(gradient, [1, 0, 2]) : gradient;
    return [stored(da, batchSecondA), stored(db, batchSecondB)];
  },
  evaluate: ([a, b], { transA, transB, batchSecondA, batchSecondB, alpha }) => {
    const [batch, rows] = operand(a!.shape, batchSecondA, transA);
    const columns = operand(b!.shape, batchSecondB, transB)[2];
    const data = new Float64Array(batch * rows * columns);
    for (let n = 0; n < batch; n++) {
      const product = multiply(
        matrixOf(a!, n, batchSecondA),
        matrixOf(b!, n, batchSecondB),
        transA,
        transB,
        alpha,
      );
      data.set(product.data, n * rows * columns);
    }
    return [{ shape: [batch, rows, columns], data }];
  },
};

/** An operand as [batch, rows, columns], by a Transpose where it is stored otherwise. */
function arranged(emit: OnnxEmitter, name: string, batchSecond: boolean, trans: boolean): string {
  if (!batchSecond && !trans) return name;
  const [batch, rows] = batchSecond ? [1, 0] : [0, 1];
  const result = emit.temporary();
  emit.node('Transpose', [name], [result], { perm: { ints: trans ? [batch, 2, rows] : [batch, rows, 2] } });
  return result;
}

function matrixOf({ shape, data }: F64Tensor, entry: number, batchSecond: boolean): F64Tensor {
  const [, rows, columns] = operand(shape, batchSecond, false);
  const matrix = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const start = (batchSecond ? i * shape[1]! + entry : entry * rows + i) * columns;
    matrix.set(data.subarray(start, start + columns), i * columns);
  }
  return { shape: [rows, columns], data: matrix };
}

/**
 * Batched product: a [batch, m, k] or, with `batchSecondA`, [m, batch, k]; likewise b; -> [batch, m, n].
 * `transA` and `transB` exchange the two matrix axes.
 */
export function batchGemm(
  a: Node,
  b: Node,
  {
    transA = false,
    transB = false,
    batchSecondA = false,
    batchSecondB = false,
    alpha = 1,
  }: Partial<BatchGemmAttributes>,
): Node {
  return apply(batchGemmOp, [a, b], { transA, transB, batchSecondA, batchSecondB, alpha });
}
