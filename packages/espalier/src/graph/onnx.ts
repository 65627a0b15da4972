// Writes a set of nodes as an ONNX model (IR version 10, opset 21, with ONNX Runtime's com.microsoft ops).
// Field numbers: onnx.proto3, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
import type { Shape } from '../tensor/tensor.js';
import type { Node, NodeDtype } from './node.js';
import { isConstant, isInput, reachable } from './program.js';
import { type ProtobufWriter, protobufWriter } from './protobuf.js';

const ELEMENT_TYPE: Record<NodeDtype, number> = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9 };

export type AttributeValue =
  { int: number } | { float: number } | { ints: readonly number[] } | { string: string };

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** What an op's lowering may do: emit ONNX nodes, ask for constants and for names of intermediate values. */
export interface OnnxEmitter {
  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Attributes,
    domain?: 'com.microsoft',
  ): void;
  /** Name of an int64 vector constant. */
  integers(values: readonly number[]): string;
  /** A fresh name for an intermediate value. */
  temporary(): string;
}

/** A graph's boundary value under the name that feeds and fetches use. */
export interface NamedNode {
  readonly name: string;
  readonly node: Node;
}

interface OnnxNode {
  type: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Attributes;
  domain: string;
}

interface OnnxConstant {
  name: string;
  dtype: NodeDtype;
  shape: Shape;
  bytes: Uint8Array;
}

export interface OnnxOptions {
  /** Weights to store in the file, by input name; inputs named here become initialisers. */
  readonly initializers?: ReadonlyMap<string, Float32Array>;
  readonly producer?: string;
  /** Names of symbolic dimensions per input or output, for files meant for others. */
  readonly dimensionNames?: ReadonlyMap<string, readonly (string | number)[]>;
}

/**
 * Encodes the sub-graph that computes `outputs` as an ONNX ModelProto.
 * Outputs nothing else reads (gradients) go last, in reverse order of creation: ONNX Runtime schedules by a
 * depth-first walk from the last leaf, and this order frees activations as early as possible.
 */
export function encodeOnnx(outputs: readonly NamedNode[], options: OnnxOptions = {}): Uint8Array {
  const order = emissionOrder(outputs.map(({ node }) => node));
  const inputs = order.flatMap(({ outputs: [first] }): NamedNode[] =>
    isInput(first!) ? [{ name: first.apply.attributes.name, node: first }] : [],
  );
  const taken = new Set<string>();
  for (const { name } of [...inputs, ...outputs]) {
    if (taken.has(name)) throw new Error(`encodeOnnx: the name "${name}" is given to two inputs or outputs`);
    taken.add(name);
  }
  let fresh = 0;
  const freshName = (): string => {
    const name = `v${fresh++}`;
    return taken.has(name) ? freshName() : name;
  };

  const names = new Map(inputs.map(({ name, node }) => [node, name]));
  // An output that is an input or a constant, or a node's second name, is an Identity.
  const aliases: NamedNode[] = [];
  for (const output of outputs) {
    const { name, node } = output;
    if (names.has(node) || isConstant(node)) aliases.push(output);
    else names.set(node, name);
  }
  const nameOf = (node: Node): string => {
    const name = names.get(node) ?? freshName();
    names.set(node, name);
    return name;
  };

  const constants = new Map<string, OnnxConstant>();
  const addConstant = (dtype: NodeDtype, shape: Shape, bytes: Uint8Array): string => {
    // Shapes, axes and scalars repeat; arrays hardly do, and would be long keys.
    const key = bytes.length <= 64 ? `${dtype}[${shape.join()}]${bytes.join()}` : `array ${constants.size}`;
    const constant = constants.get(key) ?? { name: freshName(), dtype, shape, bytes };
    constants.set(key, constant);
    return constant.name;
  };

  const nodes: OnnxNode[] = [];
  const emit: OnnxEmitter = {
    node: (type, nodeInputs, nodeOutputs, attributes = {}, domain) => {
      nodes.push({ type, inputs: nodeInputs, outputs: nodeOutputs, attributes, domain: domain ?? '' });
    },
    integers: (values) =>
      addConstant('int64', [values.length], bytesOf(BigInt64Array.from(values, (value) => BigInt(value)))),
    temporary: freshName,
  };
  for (const application of order) {
    const first = application.outputs[0]!;
    if (isConstant(first)) {
      names.set(first, addConstant(first.dtype, first.shape, bytesOf(first.apply.attributes.data)));
    } else if (!isInput(first)) {
      const { op, inputs: read, outputs: written, attributes } = application;
      op.lower(emit, read.map(nameOf), written.map(nameOf), attributes);
    }
  }
  for (const { name, node } of aliases) emit.node('Identity', [nameOf(node)], [name]);
  return encodeModel(nodes, constants.values(), inputs, outputs, options);
}

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

function emissionOrder(outputs: readonly Node[]): Node['apply'][] {
  const order = reachable(outputs);
  const read = new Set(order.flatMap((application) => application.inputs.map((node) => node.apply)));
  const inner = order.filter((application) => read.has(application));
  const leaves = order.filter((application) => !read.has(application));
  return [...inner, ...leaves.reverse()];
}

function encodeModel(
  nodes: readonly OnnxNode[],
  constants: Iterable<OnnxConstant>,
  inputs: readonly NamedNode[],
  outputs: readonly NamedNode[],
  { initializers = new Map(), producer = 'espalier', dimensionNames = new Map() }: OnnxOptions,
): Uint8Array {
  const model = protobufWriter();
  model.integer(1, 10); // ir_version
  model.string(2, producer);
  model.message(7, (graph) => {
    for (const [index, node] of nodes.entries())
      graph.message(1, (writer) => encodeNode(writer, node, index));
    graph.string(2, 'graph');
    for (const constant of constants) graph.message(5, (writer) => encodeTensor(writer, constant));
    for (const { name, node } of inputs) {
      const data = initializers.get(name);
      if (data) graph.message(5, (writer) => encodeTensor(writer, { name, ...node, bytes: bytesOf(data) }));
      else graph.message(11, (writer) => encodeValueInfo(writer, { name, node }, dimensionNames.get(name)));
    }
    for (const output of outputs) {
      graph.message(12, (writer) => encodeValueInfo(writer, output, dimensionNames.get(output.name)));
    }
  });
  model.message(8, (opset) => {
    opset.string(1, '');
    opset.integer(2, 21);
  });
  model.message(8, (opset) => {
    opset.string(1, 'com.microsoft');
    opset.integer(2, 1);
  });
  return model.finish();
}

function encodeNode(writer: ProtobufWriter, node: OnnxNode, index: number): void {
  for (const name of node.inputs) writer.string(1, name);
  for (const name of node.outputs) writer.string(2, name);
  writer.string(3, `${node.type}_${index}`);
  writer.string(4, node.type);
  for (const [name, value] of Object.entries(node.attributes)) {
    writer.message(5, (attribute) => {
      attribute.string(1, name);
      if ('int' in value) {
        attribute.integer(3, value.int);
        attribute.integer(20, 2);
      } else if ('float' in value) {
        attribute.float(2, value.float);
        attribute.integer(20, 1);
      } else if ('ints' in value) {
        for (const item of value.ints) attribute.integer(8, item);
        attribute.integer(20, 7);
      } else {
        attribute.string(4, value.string);
        attribute.integer(20, 3);
      }
    });
  }
  if (node.domain) writer.string(7, node.domain);
}

function encodeTensor(writer: ProtobufWriter, { name, dtype, shape, bytes }: OnnxConstant): void {
  for (const extent of shape) writer.integer(1, extent);
  writer.integer(2, ELEMENT_TYPE[dtype]);
  writer.string(8, name);
  writer.bytes(9, bytes);
}

function encodeValueInfo(
  writer: ProtobufWriter,
  { name, node }: NamedNode,
  dimensions: readonly (string | number)[] = node.shape,
): void {
  writer.string(1, name);
  writer.message(2, (type) =>
    type.message(1, (tensorType) => {
      tensorType.integer(1, ELEMENT_TYPE[node.dtype]);
      tensorType.message(2, (shape) => {
        for (const dimension of dimensions) {
          shape.message(1, (entry) => {
            if (typeof dimension === 'string') entry.string(2, dimension);
            else entry.integer(1, dimension);
          });
        }
      });
    }),
  );
}
