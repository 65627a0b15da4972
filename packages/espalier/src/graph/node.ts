// Symbolic nodes: the values of a static-shape tensor program. Nodes are immutable and created in
// topological order, so sorting by `id` sorts any sub-graph.
import type { Shape } from '../tensor/tensor.js';
import { sizeOf } from '../tensor/tensor.js';
import type { OnnxEmitter } from './emitter.js';

export type NodeDtype = 'float32' | 'int64' | 'int32' | 'int8' | 'uint8' | 'bool';

/** One value of the program. `apply` says how it is computed and `output` which of its outputs it is. */
export interface Node {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: NodeDtype;
  readonly apply: Application;
  readonly output: number;
}

/** One use of an op: its inputs, its attributes and the nodes it produced. */
export interface Application {
  readonly op: Op<unknown>;
  readonly inputs: readonly Node[];
  readonly attributes: unknown;
  readonly outputs: readonly Node[];
}

export interface Signature {
  readonly shape: Shape;
  readonly dtype: NodeDtype;
}

/** Values of the naive evaluation: everything, integers and booleans too, in f64. */
export interface F64Tensor {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** Gradient of a table that was read by rows: `rows[i]` belongs to row `ids[i]`; rows may repeat. */
export interface RowGradient {
  readonly ids: Node;
  readonly rows: Node;
}

export type InputGradient = Node | RowGradient | undefined;

/** What a gradient rule sees: the application and the gradients of its outputs (absent where unused). */
export interface GradientArguments<A> {
  readonly inputs: readonly Node[];
  readonly outputs: readonly Node[];
  readonly attributes: A;
  readonly outputGradients: readonly (Node | undefined)[];
}

/**
 * An op, whole: its shape rule, its lowering to ONNX, its gradient and its naive f64 twin. Its members are methods,
 * whose parameters TypeScript compares in both directions: so ops of every attribute type fit `Op<unknown>`, and
 * only `apply` below connects an op with its attributes.
 */
export interface Op<A> {
  readonly name: string;
  signature(inputs: readonly Node[], attributes: A): readonly Signature[];
  lower(emit: OnnxEmitter, inputs: readonly string[], outputs: readonly string[], attributes: A): void;
  /** One gradient per input. An op without a rule stops the gradient. */
  gradient?(args: GradientArguments<A>): readonly InputGradient[];
  evaluate(inputs: readonly F64Tensor[], attributes: A, application: Application): readonly F64Tensor[];
}

let nextId = 0;

/** Applies an op to nodes; returns every output. */
export function applyAll<A>(op: Op<A>, inputs: readonly Node[], attributes: A): readonly Node[] {
  const outputs: Node[] = [];
  const application: Application = { op, inputs, attributes, outputs };
  for (const [output, signature] of op.signature(inputs, attributes).entries()) {
    outputs.push({ id: nextId++, ...signature, apply: application, output });
  }
  return outputs;
}

/** Applies an op to nodes; returns its first output. */
export function apply<A>(op: Op<A>, inputs: readonly Node[], attributes: A): Node {
  return applyAll(op, inputs, attributes)[0]!;
}

/** Throws when a shape rule is broken: a programming error in a model or method, not a user's mistake. */
export function requireShape(condition: boolean, op: string, inputs: readonly Node[]): asserts condition {
  if (!condition) {
    throw new Error(
      `${op}: shapes do not fit: ${inputs.map((node) => `[${node.shape.join(', ')}]`).join(' ')}`,
    );
  }
}

export const sizeOfNode = (node: Node): number => sizeOf(node.shape);
