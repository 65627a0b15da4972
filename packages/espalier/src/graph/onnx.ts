// The ONNX writer: lowers the nodes that some outputs depend on, in an order that frees activations early, and encodes
// them as a file. Ops lower through the emitter (emitter.ts); what a file consists of is in model-proto.ts.
import { type DynamicExtent, dimension } from './dynamic-extents.js';
import { createEmission, type EmitterOptions } from './emitter.js';
import { bytesOf, encodeModel, type OnnxValue } from './model-proto.js';
import type { Application, Node } from './node.js';
import { isConstant, isInput, reachable } from './program.js';

/** A graph's boundary value under the name that feeds and fetches use. */
export interface NamedNode {
  readonly name: string;
  readonly node: Node;
}

/** Contents of inputs by name, each an array of its input's element type. */
export type Initializers = ReadonlyMap<string, Float32Array | Int32Array | Int8Array>;

export interface OnnxOptions extends EmitterOptions {
  /** Weights to store in the file, by input name; inputs named here become initialisers. */
  readonly initializers?: Initializers;
  readonly producer?: string;
}

/** Encodes the sub-graph that computes `outputs` as an ONNX ModelProto. */
export function encodeOnnx(outputs: readonly NamedNode[], options: OnnxOptions = {}): Uint8Array {
  const order = emissionOrder(outputs.map(({ node }) => node));
  const inputs = order.flatMap(({ outputs: [first] }): NamedNode[] =>
    isInput(first!) ? [{ name: first.apply.attributes.name, node: first }] : [],
  );
  const emission = createEmission(boundaryNames(inputs, outputs), options);
  const { emit } = emission;

  const names = new Map(inputs.map(({ name, node }) => [node, name]));
  // An output that is an input or a constant, or a node's second name, is an Identity.
  const aliases: NamedNode[] = [];
  for (const output of outputs) {
    const { name, node } = output;
    if (names.has(node) || isConstant(node)) aliases.push(output);
    else names.set(node, name);
  }
  const nameOf = (node: Node): string => {
    const name = names.get(node) ?? emit.temporary();
    names.set(node, name);
    return name;
  };
  for (const application of order) {
    const first = application.outputs[0]!;
    if (isConstant(first)) {
      names.set(first, emission.constant(first.dtype, first.shape, first.apply.attributes.data));
    } else if (!isInput(first)) {
      const { op, inputs: read, outputs: written, attributes } = application;
      op.lower(emit, read.map(nameOf), written.map(nameOf), attributes);
    }
  }
  for (const { name, node } of aliases) emit.node('Identity', [nameOf(node)], [name]);

  const { initializers, dynamic = [], producer } = options;
  const graph = {
    nodes: emission.nodes,
    constants: emission.constants.values(),
    inputs: inputs.map((input) => {
      const data = initializers?.get(input.name);
      const { dtype, shape } = input.node;
      return data ? { name: input.name, dtype, shape, bytes: bytesOf(data) } : valueOf(input, dynamic);
    }),
    outputs: outputs.map((output) => valueOf(output, dynamic)),
  };
  return encodeModel(graph, producer);
}

/**
 * Outputs nothing else reads (gradients) go last, in reverse order of creation: ONNX Runtime schedules by a
 * depth-first walk from the last leaf, and this order frees activations as early as possible.
 */
function emissionOrder(outputs: readonly Node[]): Application[] {
  const order = reachable(outputs);
  const read = new Set(order.flatMap((application) => application.inputs.map((node) => node.apply)));
  const inner = order.filter((application) => read.has(application));
  const leaves = order.filter((application) => !read.has(application));
  return [...inner, ...leaves.reverse()];
}

/** The names of inputs and outputs, each of which must be one value's. */
function boundaryNames(inputs: readonly NamedNode[], outputs: readonly NamedNode[]): ReadonlySet<string> {
  const taken = new Set<string>();
  for (const { name } of [...inputs, ...outputs]) {
    if (taken.has(name)) throw new Error(`encodeOnnx: the name "${name}" is given to two inputs or outputs`);
    taken.add(name);
  }
  return taken;
}

const valueOf = ({ name, node }: NamedNode, dynamic: readonly DynamicExtent[]): OnnxValue => ({
  name,
  dtype: node.dtype,
  dimensions: node.shape.map((extent) => dimension(extent, dynamic)),
});
