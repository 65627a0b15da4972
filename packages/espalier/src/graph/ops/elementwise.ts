// Elementwise ops with NumPy broadcasting.
import type { F64Tensor, Node, Op } from '../node.js';
import { apply } from '../node.js';
import { scalar } from '../program.js';
import { broadcastShape, unbroadcast, zip } from './broadcast.js';
import { erf } from './erf.js';
import { roundHalfEven } from './round-half-even.js';

type None = Record<string, never>;
const NONE: None = {};

interface BinaryRule {
  readonly type: string;
  readonly value: (x: number, y: number) => number;
  /** Gradients for x and y before the sum over broadcast axes; absent: not differentiable. */
  readonly gradient?: (x: Node, y: Node, dy: Node) => readonly [Node, Node];
  readonly dtype?: 'bool';
}

function binaryOp({ type, value, gradient, dtype }: BinaryRule): Op<None> {
  const op: Op<None> = {
    name: type,
    signature: ([x, y]) => [{ shape: broadcastShape(x!.shape, y!.shape), dtype: dtype ?? x!.dtype }],
    lower: (emit, inputs, outputs) => emit.node(type, inputs, outputs),
    evaluate: ([x, y]) => [zip(x!, y!, value)],
  };
  if (!gradient) return op;
  return {
    ...op,
    gradient: ({ inputs: [x, y], outputGradients: [dy] }) => {
      const [dx, dyy] = gradient(x!, y!, dy!);
      return [unbroadcast(dx, x!.shape), unbroadcast(dyy, y!.shape)];
    },
  };
}

interface UnaryRule {
  readonly type: string;
  readonly value: (x: number) => number;
  /** Gradient from input, output and output gradient; absent: the gradient stops here. */
  readonly gradient?: (x: Node, y: Node, dy: Node) => Node;
}

function unaryOp({ type, value, gradient }: UnaryRule): Op<None> {
  const op: Op<None> = {
    name: type,
    signature: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
    lower: (emit, inputs, outputs) => emit.node(type, inputs, outputs),
    evaluate: ([x]) => [mapF64(x!, value)],
  };
  if (!gradient) return op;
  return {
    ...op,
    gradient: ({ inputs: [x], outputs: [y], outputGradients: [dy] }) => [gradient(x!, y!, dy!)],
  };
}

const mapF64 = ({ shape, data }: F64Tensor, value: (x: number) => number): F64Tensor => ({
  shape,
  data: data.map(value),
});

export const addOp = binaryOp({ type: 'Add', value: (x, y) => x + y, gradient: (_x, _y, dy) => [dy, dy] });
export const subOp = binaryOp({
  type: 'Sub',
  value: (x, y) => x - y,
  gradient: (_x, _y, dy) => [dy, neg(dy)],
});
export const mulOp = binaryOp({
  type: 'Mul',
  value: (x, y) => x * y,
  gradient: (x, y, dy) => [mul(dy, y), mul(dy, x)],
});
export const divOp = binaryOp({
  type: 'Div',
  value: (x, y) => x / y,
  gradient: (x, y, dy) => [div(dy, y), neg(div(mul(dy, x), mul(y, y)))],
});
export const minimumOp = binaryOp({ type: 'Min', value: Math.min });
export const maximumOp = binaryOp({ type: 'Max', value: Math.max });
export const greaterOp = binaryOp({ type: 'Greater', value: (x, y) => (x > y ? 1 : 0), dtype: 'bool' });

export const negOp = unaryOp({ type: 'Neg', value: (x) => -x, gradient: (_x, _y, dy) => neg(dy) });
export const expOp = unaryOp({ type: 'Exp', value: Math.exp, gradient: (_x, y, dy) => mul(dy, y) });
export const logOp = unaryOp({ type: 'Log', value: Math.log, gradient: (x, _y, dy) => div(dy, x) });
export const sqrtOp = unaryOp({
  type: 'Sqrt',
  value: Math.sqrt,
  gradient: (_x, y, dy) => div(mul(dy, scalar(0.5)), y),
});
export const tanhOp = unaryOp({
  type: 'Tanh',
  value: Math.tanh,
  gradient: (_x, y, dy) => mul(dy, sub(scalar(1), mul(y, y))),
});
export const sigmoidOp = unaryOp({
  type: 'Sigmoid',
  value: (x) => 1 / (1 + Math.exp(-x)),
  gradient: (_x, y, dy) => mul(dy, mul(y, sub(scalar(1), y))),
});
export const erfOp = unaryOp({
  type: 'Erf',
  value: erf,
  gradient: (x, _y, dy) => mul(dy, mul(scalar(2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x))))),
});
export const absOp = unaryOp({ type: 'Abs', value: Math.abs, gradient: (x, _y, dy) => mul(dy, sign(x)) });
export const signOp = unaryOp({ type: 'Sign', value: Math.sign });
export const reluOp = unaryOp({
  type: 'Relu',
  value: (x) => Math.max(x, 0),
  gradient: (x, _y, dy) => where(greater(x, scalar(0)), dy, scalar(0)),
});
/** Rounds half to even, as ONNX and PyTorch do. */
export const roundOp = unaryOp({ type: 'Round', value: roundHalfEven });

/** (x + 1) / 2 within [0, 1], in one pass: what makes a probability of an error function. */
export const halfUnitOp: Op<None> = {
  ...unaryOp({
    type: 'HardSigmoid',
    value: (x) => Math.max(0, Math.min(1, (x + 1) / 2)),
    gradient: (x, _y, dy) => where(greater(scalar(1), abs(x)), scale(dy, 0.5), scalar(0)),
  }),
  lower: (emit, inputs, outputs) =>
    emit.node('HardSigmoid', inputs, outputs, { alpha: { float: 0.5 }, beta: { float: 0.5 } }),
};

/** `condition ? x : y`, elementwise with broadcasting. */
export const whereOp: Op<None> = {
  name: 'Where',
  signature: ([condition, x, y]) => [
    { shape: broadcastShape(condition!.shape, broadcastShape(x!.shape, y!.shape)), dtype: x!.dtype },
  ],
  lower: (emit, inputs, outputs) => emit.node('Where', inputs, outputs),
  gradient: ({ inputs: [condition, x, y], outputGradients: [dy] }) => [
    undefined,
    unbroadcast(where(condition!, dy!, scalar(0)), x!.shape),
    unbroadcast(where(condition!, scalar(0), dy!), y!.shape),
  ],
  evaluate: ([condition, x, y]) => {
    const chosen = zip(condition!, x!, (c, value) => (c !== 0 ? value : Number.NaN));
    const other = zip(condition!, y!, (c, value) => (c !== 0 ? Number.NaN : value));
    return [zip(chosen, other, (a, b) => (Number.isNaN(a) ? b : a))];
  },
};

/** Turns booleans and integers into float32; stops the gradient. */
export const toFloatOp: Op<None> = {
  name: 'Cast',
  signature: ([x]) => [{ shape: x!.shape, dtype: 'float32' }],
  lower: (emit, inputs, outputs) => emit.node('Cast', inputs, outputs, { to: { int: 1 } }),
  evaluate: ([x]) => [x!],
};

export const add = (x: Node, y: Node): Node => apply(addOp, [x, y], NONE);
export const sub = (x: Node, y: Node): Node => apply(subOp, [x, y], NONE);
export const mul = (x: Node, y: Node): Node => apply(mulOp, [x, y], NONE);
export const div = (x: Node, y: Node): Node => apply(divOp, [x, y], NONE);
export const minimum = (x: Node, y: Node): Node => apply(minimumOp, [x, y], NONE);
export const maximum = (x: Node, y: Node): Node => apply(maximumOp, [x, y], NONE);
export const greater = (x: Node, y: Node): Node => apply(greaterOp, [x, y], NONE);
export const neg = (x: Node): Node => apply(negOp, [x], NONE);
export const exp = (x: Node): Node => apply(expOp, [x], NONE);
export const log = (x: Node): Node => apply(logOp, [x], NONE);
export const sqrt = (x: Node): Node => apply(sqrtOp, [x], NONE);
export const tanh = (x: Node): Node => apply(tanhOp, [x], NONE);
export const sigmoid = (x: Node): Node => apply(sigmoidOp, [x], NONE);
export const erfNode = (x: Node): Node => apply(erfOp, [x], NONE);
export const abs = (x: Node): Node => apply(absOp, [x], NONE);
export const sign = (x: Node): Node => apply(signOp, [x], NONE);
export const relu = (x: Node): Node => apply(reluOp, [x], NONE);
export const halfUnit = (x: Node): Node => apply(halfUnitOp, [x], NONE);
export const round = (x: Node): Node => apply(roundOp, [x], NONE);
export const where = (condition: Node, x: Node, y: Node): Node => apply(whereOp, [condition, x, y], NONE);
export const toFloat = (x: Node): Node => apply(toFloatOp, [x], NONE);
/** x * factor. */
export const scale = (x: Node, factor: number): Node => (factor === 1 ? x : mul(x, scalar(factor)));
