// Writes a set of nodes as an ONNX model (IR version 10, opset 21, with ONNX Runtime's com.microsoft ops).
// Field numbers: onnx.proto3, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
import type { Shape } from '../tensor/tensor.js';
import type { Node, NodeDtype } from './node.js';
import { isConstant, isInput, reachable } from './program.js';
import { type ProtobufWriter, protobufWriter } from './protobuf.js';

const ELEMENT_TYPE: Record<NodeDtype, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
};

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
  /** Use only ops of the ONNX standard, for files meant for other runtimes. */
  readonly standard: boolean;
  /** Avoid what ONNX Runtime's WebGPU provider computes wrongly. */
  readonly webgpu: boolean;
  /** Name of an int64 vector: a constant, or computed where an extent is dynamic. */
  integers(values: readonly number[]): string;
  /** Name of a float32 scalar constant. */
  scalar(value: number): string;
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

/**
 * An extent that the file leaves open. The graph is built with `extent`, a prime that divides no static extent, so
 * every shape tells by its factors how it depends on the dynamic ones; at run time the value is read from axis
 * `axis` of input `input`.
 */
export interface DynamicExtent {
  readonly name: string;
  readonly extent: number;
  readonly input: string;
  readonly axis: number;
}

/** Contents of inputs by name, each an array of its input's element type. */
export type Initializers = ReadonlyMap<string, Float32Array | Int32Array | Int8Array>;

export interface OnnxOptions {
  /** Weights to store in the file, by input name; inputs named here become initialisers. */
  readonly initializers?: Initializers;
  readonly producer?: string;
  readonly dynamic?: readonly DynamicExtent[];
  /** Only ops of the ONNX standard. */
  readonly standard?: boolean;
  /** For ONNX Runtime's WebGPU provider, which has few ops of com.microsoft: implies `standard`. */
  readonly webgpu?: boolean;
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
  const staticIntegers = (values: readonly number[]): string =>
    addConstant('int64', [values.length], bytesOf(BigInt64Array.from(values, (value) => BigInt(value))));
  const dynamicIntegers = shapeArithmetic(options.dynamic ?? [], staticIntegers, (type, read, attributes) => {
    const name = freshName();
    emit.node(type, read, [name], attributes);
    return name;
  });
  const webgpu = options.webgpu ?? false;
  const emit: OnnxEmitter = {
    standard: (options.standard ?? false) || webgpu,
    webgpu,
    node: (type, nodeInputs, nodeOutputs, attributes = {}, domain) => {
      nodes.push({ type, inputs: nodeInputs, outputs: nodeOutputs, attributes, domain: domain ?? '' });
    },
    integers: (values) => dynamicIntegers(values) ?? staticIntegers(values),
    scalar: (value) => addConstant('float32', [], bytesOf(Float32Array.of(value))),
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

/** Splits an extent into its static part and the dynamic extents that divide it. */
function factor(
  extent: number,
  dynamic: readonly DynamicExtent[],
): { rest: number; factors: DynamicExtent[] } {
  let rest = extent;
  const factors: DynamicExtent[] = [];
  for (const candidate of dynamic) {
    while (rest !== 0 && rest % candidate.extent === 0) {
      rest /= candidate.extent;
      factors.push(candidate);
    }
  }
  return { rest, factors };
}

/** Computes int64 vectors with dynamic entries from the shapes of the inputs; undefined where all are static. */
function shapeArithmetic(
  dynamic: readonly DynamicExtent[],
  constant: (values: readonly number[]) => string,
  node: (type: string, inputs: readonly string[], attributes?: Attributes) => string,
): (values: readonly number[]) => string | undefined {
  const made = new Map<string, string>();
  const once = (key: string, make: () => string): string => {
    const known = made.get(key) ?? make();
    made.set(key, known);
    return known;
  };
  const entry = (value: number): string => {
    const { rest, factors } = factor(value, dynamic);
    return factors.reduce(
      (product, { name, input, axis }) => {
        const extent = once(`extent:${name}`, () =>
          node('Shape', [input], { start: { int: axis }, end: { int: axis + 1 } }),
        );
        return product === undefined ? extent : node('Mul', [product, extent]);
      },
      rest === 1 && factors.length > 0 ? undefined : constant([rest]),
    ) as string;
  };
  return (values) => {
    if (values.every((value) => factor(value, dynamic).factors.length === 0)) return undefined;
    return once(values.join(), () => {
      const entries = values.map(entry);
      return entries.length === 1 ? entries[0]! : node('Concat', entries, { axis: { int: 0 } });
    });
  };
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
  { initializers = new Map(), producer = 'espalier', dynamic = [] }: OnnxOptions,
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
      else graph.message(11, (writer) => encodeValueInfo(writer, { name, node }, dynamic));
    }
    for (const output of outputs) {
      graph.message(12, (writer) => encodeValueInfo(writer, output, dynamic));
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
  dynamic: readonly DynamicExtent[],
): void {
  writer.string(1, name);
  writer.message(2, (type) =>
    type.message(1, (tensorType) => {
      tensorType.integer(1, ELEMENT_TYPE[node.dtype]);
      tensorType.message(2, (shape) => {
        for (const extent of node.shape) {
          const { rest, factors } = factor(extent, dynamic);
          shape.message(1, (entry) => {
            if (factors.length === 0) entry.integer(1, extent);
            else if (factors.length === 1 && rest === 1) entry.string(2, factors[0]!.name);
            // A multiple of a dynamic extent stays open: ONNX has no name for a product.
          });
        }
      });
    }),
  );
}
