// An ONNX graph as plain lists of names and bytes, and its encoding as a ModelProto (IR version 10, opset 21, with
// ONNX Runtime's com.microsoft ops).
// Field numbers: onnx.proto3, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
import type { Shape } from '../tensor/tensor.js';
import type { NodeDtype } from './node.js';
import { type ProtobufWriter, protobufWriter } from './protobuf.js';

const ELEMENT_TYPE: Record<NodeDtype, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
};

export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>;

type OnnxAttribute = { int: number } | { float: number } | { ints: readonly number[] } | { string: string };

export interface OnnxNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: OnnxAttributes;
  /** '' for the ops of the standard. */
  readonly domain: string;
}

/** A tensor whose contents are in the file: an initialiser. */
export interface OnnxTensor {
  readonly name: string;
  readonly dtype: NodeDtype;
  readonly shape: Shape;
  readonly bytes: Uint8Array;
}

/** The bytes of an array, in place. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** A number, the name of an open extent, or undefined: open, without a name, since ONNX has none for a product. */
export type Dimension = number | string | undefined;

/** A value that is fed or fetched. */
export interface OnnxValue {
  readonly name: string;
  readonly dtype: NodeDtype;
  readonly dimensions: readonly Dimension[];
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly constants: Iterable<OnnxTensor>;
  /** What nodes read from outside: stored in the file, or fed. */
  readonly inputs: readonly (OnnxTensor | OnnxValue)[];
  readonly outputs: readonly OnnxValue[];
}

export function encodeModel(
  { nodes, constants, inputs, outputs }: OnnxGraph,
  producer = 'espalier',
): Uint8Array {
  const model = protobufWriter();
  model.integer(1, 10); // ir_version
  model.string(2, producer);
  model.message(7, (graph) => {
    for (const [index, node] of nodes.entries())
      graph.message(1, (writer) => encodeNode(writer, node, index));
    graph.string(2, 'graph');
    for (const constant of constants) graph.message(5, (writer) => encodeTensor(writer, constant));
    for (const input of inputs) {
      if ('bytes' in input) graph.message(5, (writer) => encodeTensor(writer, input));
      else graph.message(11, (writer) => encodeValueInfo(writer, input));
    }
    for (const output of outputs) graph.message(12, (writer) => encodeValueInfo(writer, output));
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

function encodeTensor(writer: ProtobufWriter, { name, dtype, shape, bytes }: OnnxTensor): void {
  for (const extent of shape) writer.integer(1, extent);
  writer.integer(2, ELEMENT_TYPE[dtype]);
  writer.string(8, name);
  writer.bytes(9, bytes);
}

function encodeValueInfo(writer: ProtobufWriter, { name, dtype, dimensions }: OnnxValue): void {
  writer.string(1, name);
  writer.message(2, (type) =>
    type.message(1, (tensorType) => {
      tensorType.integer(1, ELEMENT_TYPE[dtype]);
      tensorType.message(2, (shape) => {
        for (const extent of dimensions) {
          shape.message(1, (entry) => {
            if (typeof extent === 'number') entry.integer(1, extent);
            else if (extent !== undefined) entry.string(2, extent);
          });
        }
      });
    }),
  );
}
