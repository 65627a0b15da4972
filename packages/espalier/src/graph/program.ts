// Leaves of a program (inputs and constants) and the walk over what an output depends on.
import type { Shape } from '../tensor/tensor.js';
import { sizeOf } from '../tensor/tensor.js';
import { type Application, apply, type Node, type NodeDtype, type Op } from './node.js';

interface InputAttributes {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: NodeDtype;
}

interface ConstantAttributes {
  readonly data: Float32Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;
  readonly shape: Shape;
  readonly dtype: NodeDtype;
}

type Leaf<A> = Node & { readonly apply: Application & { readonly attributes: A } };

const unreachable = (): never => {
  throw new Error('leaves are not lowered or evaluated: the ONNX writer and the evaluator handle them');
};

const inputOp: Op<InputAttributes> = {
  name: 'input',
  signature: (_, { shape, dtype }) => [{ shape, dtype }],
  lower: unreachable,
  evaluate: unreachable,
};

const constantOp: Op<ConstantAttributes> = {
  name: 'constant',
  signature: (_, { shape, dtype }) => [{ shape, dtype }],
  lower: unreachable,
  evaluate: unreachable,
};

/** A named value that is fed at every run: a weight, token ids, a dropout mask. */
export const input = (name: string, shape: Shape, dtype: NodeDtype = 'float32'): Node =>
  apply(inputOp, [], { name, shape, dtype });

/** A float32 constant of the given shape. */
export function constant(data: Float32Array | readonly number[], shape: Shape): Node {
  const values = data instanceof Float32Array ? data : Float32Array.from(data);
  if (values.length !== sizeOf(shape))
    throw new Error(`constant: ${values.length} values for [${shape.join(', ')}]`);
  return apply(constantOp, [], { data: values, shape, dtype: 'float32' });
}

/** A float32 scalar constant. */
export const scalar = (value: number): Node => constant([value], []);

/** A uint8 scalar constant: a zero point of activations. */
export const byte = (value: number): Node =>
  apply(constantOp, [], { data: Uint8Array.of(value), shape: [], dtype: 'uint8' });

/** A constant of zeros in int8: the zero points of weights. */
export const int8Zeros = (shape: Shape): Node =>
  apply(constantOp, [], { data: new Int8Array(sizeOf(shape)), shape, dtype: 'int8' });

/** An int64 vector constant. */
export const integers = (values: readonly number[]): Node =>
  apply(constantOp, [], {
    data: BigInt64Array.from(values, (value) => BigInt(value)),
    shape: [values.length],
    dtype: 'int64',
  });

export const isInput = (node: Node): node is Leaf<InputAttributes> => node.apply.op === inputOp;

export const isConstant = (node: Node): node is Leaf<ConstantAttributes> => node.apply.op === constantOp;

/** Every application the nodes depend on, in topological order. */
export function reachable(nodes: readonly Node[]): Application[] {
  const seen = new Set<Application>();
  const pending = nodes.map((node) => node.apply);
  while (pending.length > 0) {
    const application = pending.pop()!;
    if (seen.has(application)) continue;
    seen.add(application);
    for (const { apply: producer } of application.inputs) if (!seen.has(producer)) pending.push(producer);
  }
  return [...seen].sort((a, b) => a.outputs[0]!.id - b.outputs[0]!.id);
}
