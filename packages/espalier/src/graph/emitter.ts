// What the ops lower to: an emitter, which collects ONNX nodes and constants and names what lies between them. Equal
// small constants are stored once.
import type { Shape } from '../tensor/tensor.js';
import { type DynamicExtent, shapeArithmetic } from './dynamic-extents.js';
import { bytesOf, type OnnxAttributes, type OnnxNode, type OnnxTensor } from './model-proto.js';
import type { NodeDtype } from './node.js';

/** What an op's lowering may do: emit ONNX nodes, ask for constants and for names of intermediate values. */
export interface OnnxEmitter {
  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: OnnxAttributes,
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

export interface EmitterOptions {
  readonly dynamic?: readonly DynamicExtent[];
  /** Only ops of the ONNX standard. */
  readonly standard?: boolean;
  /** For ONNX Runtime's WebGPU provider, which has few ops of com.microsoft: implies `standard`. */
  readonly webgpu?: boolean;
}

/** An emitter and what it has collected. */
export interface Emission {
  readonly emit: OnnxEmitter;
  /** Name of a constant, whose bytes are read when the file is encoded. */
  constant(dtype: NodeDtype, shape: Shape, data: ArrayBufferView): string;
  readonly nodes: readonly OnnxNode[];
  /** Constants by what tells them apart. */
  readonly constants: ReadonlyMap<string, OnnxTensor>;
}

/** `taken` are the names that belong to inputs and outputs. */
export function createEmission(
  taken: ReadonlySet<string>,
  { dynamic = [], standard = false, webgpu = false }: EmitterOptions,
): Emission {
  let fresh = 0;
  const freshName = (): string => {
    const name = `v${fresh++}`;
    return taken.has(name) ? freshName() : name;
  };

  const constants = new Map<string, OnnxTensor>();
  const addConstant = (dtype: NodeDtype, shape: Shape, data: ArrayBufferView): string => {
    const bytes = bytesOf(data);
    // Shapes, axes and scalars repeat; arrays hardly do, and would be long keys.
    const key = bytes.length <= 64 ? `${dtype}[${shape.join()}]${bytes.join()}` : `array ${constants.size}`;
    const constant = constants.get(key) ?? { name: freshName(), dtype, shape, bytes };
    constants.set(key, constant);
    return constant.name;
  };

  const nodes: OnnxNode[] = [];
  const staticIntegers = (values: readonly number[]): string =>
    addConstant(
      'int64',
      [values.length],
      BigInt64Array.from(values, (value) => BigInt(value)),
    );
  const dynamicIntegers = shapeArithmetic(dynamic, staticIntegers, (type, read, attributes) => {
    const name = freshName();
    emit.node(type, read, [name], attributes);
    return name;
  });
  const emit: OnnxEmitter = {
    standard: standard || webgpu,
    webgpu,
    node: (type, inputs, outputs, attributes = {}, domain) => {
      nodes.push({ type, inputs, outputs, attributes, domain: domain ?? '' });
    },
    integers: (values) => dynamicIntegers(values) ?? staticIntegers(values),
    scalar: (value) => addConstant('float32', [], Float32Array.of(value)),
    temporary: freshName,
  };
  return { emit, constant: addConstant, nodes, constants };
}
