// Distillation through two output layers: T^2 * KL(teacher || student) between the softmaxes of two linear layers over
// a large vocabulary (methods.md B.3). All logits at once would be gigabytes, so rows go through in chunks, and the
// gradients are made beside the loss, chunk by chunk: the loss is a leaf, so only a scalar is missing from them.
import type { F64Tensor, Node, Op } from '../node.js';
import { applyAll, requireShape } from '../node.js';
import type { OnnxEmitter } from '../emitter.js';
import { mul } from './elementwise.js';

interface Attributes {
  readonly temperature: number;
  readonly rows: number;
  /** Rows of a chunk. */
  readonly chunk: number;
}

/** Entries of one chunk's logits: 32 MB of floats. */
const CHUNK_ENTRIES = 2 ** 23;

/**
 * Inputs: student [rows, h], weight [v, h], bias [v], the teacher's three likewise [rows, g], [v, g], [v], and row
 * weights [rows, 1]. Outputs: the weighted sum over rows, and its gradients for student, weight and bias. The teacher
 * and the row weights get none.
 */
export const softLinearLossOp: Op<Attributes> = {
  name: 'SoftLinearLoss',
  signature: (inputs) => {
    const [x, w, b, teacherX, teacherW, teacherB, rowWeights] = inputs.map(({ shape }) => shape);
    const fits =
      x![1] === w![1] &&
      teacherX![1] === teacherW![1] &&
      teacherX![0] === x![0] &&
      [b, teacherB].every((bias) => bias!.join() === String(w![0])) &&
      teacherW![0] === w![0] &&
      rowWeights!.join() === `${String(x![0])},1`;
    requireShape(fits, 'SoftLinearLoss', inputs);
    return [[], x!, w!, b!].map((shape) => ({ shape, dtype: 'float32' }));
  },
  lower: (emit, inputs, outputs, attributes) => {
    lowerChunks(emit, inputs, outputs, attributes);
  },
  gradient: ({ outputs: [, dx, dw, db], outputGradients: [dy] }) => [
    ...[dx, dw, db].map((gradient) => dy && mul(gradient!, dy)),
    ...[undefined, undefined, undefined, undefined],
  ],
  evaluate: (inputs, { temperature }) => evaluate(inputs, temperature),
};

/** One chunk after another: each reads a zero made of the weight gradient so far, or all would be computed at once. */
function lowerChunks(
  emit: OnnxEmitter,
  [x, w, b, teacherX, teacherW, teacherB, rowWeights]: readonly string[],
  [loss, dx, dw, db]: readonly string[],
  { temperature, rows, chunk }: Attributes,
): void {
  const op = (
    type: string,
    inputs: readonly string[],
    attributes: Parameters<OnnxEmitter['node']>[3] = {},
  ) => {
    const name = emit.temporary();
    emit.node(type, inputs, [name], attributes);
    return name;
  };
  const sum = (value: string, axes: readonly number[], keep: boolean): string =>
    op('ReduceSum', [value, emit.integers(axes)], { keepdims: { int: keep ? 1 : 0 } });
  const [inverse, zero] = [emit.scalar(1 / temperature), emit.scalar(0)];
  // Scaling rows and bias by 1/T scales the logits without a pass over them.
  const [biasS, biasT] = [op('Mul', [b!, inverse]), op('Mul', [teacherB!, inverse])];
  const alpha = { float: 1 / temperature };
  let total: string | undefined;
  let weightGradient: string | undefined;
  let biasGradient: string | undefined;
  const inputGradients: string[] = [];
  for (let start = 0; start < rows; start += chunk) {
    const part = (array: string): string =>
      op('Slice', [
        ...[
          array,
          emit.integers([start]),
          emit.integers([Math.min(rows, start + chunk)]),
          emit.integers([0]),
        ],
      ]);
    const token: string | undefined = weightGradient && firstEntryTimes(op, emit, weightGradient, zero);
    const student = token === undefined ? part(x!) : op('Add', [part(x!), token]);
    const teacher = token === undefined ? part(teacherX!) : op('Add', [part(teacherX!), token]);
    const scale = part(rowWeights!);
    const logS = op('LogSoftmax', [op('Gemm', [student, w!, biasS], { transB: { int: 1 }, alpha })]);
    const logT = op('LogSoftmax', [op('Gemm', [teacher, teacherW!, biasT], { transB: { int: 1 }, alpha })]);
    const soft = op('Exp', [logT]);
    const divergence = sum(op('Mul', [soft, op('Sub', [logT, logS])]), [1], true);
    const weighted = sum(op('Mul', [divergence, scale]), [0, 1], false);
    total = total === undefined ? weighted : op('Add', [total, weighted]);
    // d/dlogits of T^2 KL is T (student - teacher).
    const difference = op('Sub', [op('Exp', [logS]), soft]);
    const gradient = op('Mul', [difference, op('Mul', [scale, emit.scalar(temperature)])]);
    inputGradients.push(op('Gemm', [gradient, w!]));
    const inputs: string[] = [gradient, student, ...(weightGradient === undefined ? [] : [weightGradient])];
    weightGradient = op('Gemm', inputs, { transA: { int: 1 } });
    const forBias = sum(gradient, [0], false);
    biasGradient = biasGradient === undefined ? forBias : op('Add', [biasGradient, forBias]);
  }
  emit.node('Mul', [total!, emit.scalar(temperature ** 2)], [loss!]);
  emit.node('Concat', inputGradients, [dx!], { axis: { int: 0 } });
  emit.node('Identity', [weightGradient!], [dw!]);
  emit.node('Identity', [biasGradient!], [db!]);
}

/** A [1, 1] zero that cannot be had before `matrix` is. */
function firstEntryTimes(
  op: (type: string, inputs: readonly string[]) => string,
  emit: OnnxEmitter,
  matrix: string,
  zero: string,
): string {
  const [first, second] = [emit.integers([0, 0]), emit.integers([1, 1])];
  return op('Mul', [op('Slice', [matrix, first, second, emit.integers([0, 1])]), zero]);
}

/** log(softmax(x w^T + b) / T), row by row. */
function logProbabilities(x: F64Tensor, w: F64Tensor, b: F64Tensor, temperature: number): Float64Array[] {
  const [rows, width] = x.shape as [number, number];
  return Array.from({ length: rows }, (_, row) => {
    const logits = b.data.map((bias, entry) => {
      let value = bias;
      for (let j = 0; j < width; j++) value += x.data[row * width + j]! * w.data[entry * width + j]!;
      return value / temperature;
    });
    const largest = logits.reduce((a, c) => Math.max(a, c));
    const logSum = Math.log(logits.reduce((sum, value) => sum + Math.exp(value - largest), 0));
    return logits.map((value) => value - largest - logSum);
  });
}

function evaluate(inputs: readonly F64Tensor[], temperature: number): F64Tensor[] {
  const [x, w, b, teacherX, teacherW, teacherB, rowWeights] = inputs as [
    ...[F64Tensor, F64Tensor, F64Tensor, F64Tensor, F64Tensor, F64Tensor, F64Tensor],
  ];
  const [student, teacher] = [
    logProbabilities(x, w, b, temperature),
    logProbabilities(teacherX, teacherW, teacherB, temperature),
  ];
  const width = x.shape[1]!;
  let loss = 0;
  const [dx, dw, db] = [x, w, b].map(({ data }) => new Float64Array(data.length)) as [
    ...[Float64Array, Float64Array, Float64Array],
  ];
  for (const [row, logS] of student.entries()) {
    const scale = rowWeights.data[row]!;
    for (const [entry, s] of logS.entries()) {
      const t = teacher[row]![entry]!;
      loss += scale * temperature ** 2 * Math.exp(t) * (t - s);
      const gradient = scale * temperature * (Math.exp(s) - Math.exp(t));
      db[entry]! += gradient;
      for (let j = 0; j < width; j++) {
        dx[row * width + j]! += gradient * w.data[entry * width + j]!;
        dw[entry * width + j]! += gradient * x.data[row * width + j]!;
      }
    }
  }
  return [
    { shape: [], data: Float64Array.of(loss) },
    { shape: x.shape, data: dx },
    { shape: w.shape, data: dw },
    { shape: b.shape, data: db },
  ];
}

/** An output layer over rows. */
export interface OutputLayer {
  /** [rows, width] */
  readonly x: Node;
  /** [vocabulary, width] */
  readonly weight: Node;
  /** [vocabulary] */
  readonly bias: Node;
}

/** Sum over rows of rowWeights [rows, 1] times T^2 * KL(teacher || student): a scalar. `chunk`: rows at a time. */
export function softLinearLoss(
  student: OutputLayer,
  teacher: OutputLayer,
  rowWeights: Node,
  temperature: number,
  chunk = Math.max(1, Math.floor(CHUNK_ENTRIES / student.weight.shape[0]!)),
): Node {
  const inputs = [
    ...[student.x, student.weight, student.bias, teacher.x, teacher.weight, teacher.bias],
    rowWeights,
  ];
  return applyAll(softLinearLossOp, inputs, { temperature, rows: student.x.shape[0]!, chunk })[0]!;
}
