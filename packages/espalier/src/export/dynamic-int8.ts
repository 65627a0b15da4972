// Post-training int8 without data: weights rounded by their own range, activations by the range of each batch
// (ONNX Runtime's dynamic quantisation). The dense baseline of every report.
import type { Node } from '../graph/node.js';
import {
  add,
  type DynamicallyQuantized,
  dynamicQuantizeLinear,
  linear as floatLinear,
  matMulInteger,
  mul,
  sub,
  toFloat,
} from '../graph/ops/index.js';
import { TABLE } from '../methods/quantisable.js';
import { largestMagnitudes, symmetricScale, toInt8 } from '../models/int8.js';
import type { Model } from '../models/model.js';
import { type FileWeights, fileWeights, int8Tables, scalesNode } from './file-weights.js';
import { transposed } from './int8.js';
import { classifierBytes } from './onnx.js';

export interface DynamicOptions {
  /** One scale for each output unit of a matrix and each row of a table, instead of one for all of it. */
  readonly perRow: boolean;
  /** Embedding tables in int8 as well. */
  readonly tables: boolean;
}

/** What the command line writes: as accurate and as small as this kind of quantisation is. */
export const DYNAMIC: DynamicOptions = { perRow: true, tables: true };

/** Every linear layer as an integer product, all else in float32. */
export const dynamicInt8Bytes = (model: Model, options = DYNAMIC): Uint8Array =>
  dynamicBytes(model, options, integerLayer);

/** The same rounding of weights and activations in float32 arithmetic: what the integer file is compared with. */
export const dynamicFloatBytes = (model: Model, options = DYNAMIC): Uint8Array =>
  dynamicBytes(model, options, floatLayer);

interface Layer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** [out, in] */
  readonly integers: Int8Array;
  readonly scales: readonly number[];
  readonly bias: Node | undefined;
}

type LayerForm = (file: FileWeights, x: DynamicallyQuantized, layer: Layer) => Node;

function dynamicBytes(model: Model, { perRow, tables }: DynamicOptions, form: LayerForm): Uint8Array {
  const file = fileWeights(model);
  const scalesOf = (name: string): readonly number[] => {
    const { data, shape } = model.tensors.get(name)!;
    return largestMagnitudes(data, perRow ? shape[0]! : 1).map(symmetricScale);
  };
  const names = [...model.tensors.keys()].filter((name) => tables && TABLE.test(name));
  const records = Object.fromEntries(names.map((name) => [name, { scales: scalesOf(name) }]));
  const quantised = new Map<Node, DynamicallyQuantized>();
  const linear = (x: Node, name: string): Node => {
    const input = quantised.get(x) ?? dynamicQuantizeLinear(x);
    quantised.set(x, input);
    const { data, shape } = model.tensors.get(`${name}.weight`)!;
    const scales = scalesOf(`${name}.weight`);
    const bias = model.tensors.has(`${name}.bias`) ? file.weights.weight(`${name}.bias`) : undefined;
    const integers = toInt8(data, scales);
    return form(file, input, { name, outputs: shape[0]!, inputs: shape[1]!, integers, scales, bias });
  };
  return classifierBytes(model, { ...file.weights, ...int8Tables(file, records), linear }, file.initializers);
}

/** MatMulInteger, Cast, Mul, Add in the order that ONNX Runtime merges into one kernel. */
function integerLayer(
  file: FileWeights,
  { q, scale, zeroPoint }: DynamicallyQuantized,
  { name, inputs, outputs, integers, scales, bias }: Layer,
): Node {
  const weight = file.store(`int8:${name}.weight`, transposed(integers, inputs), [inputs, outputs]);
  const product = toFloat(matMulInteger(q, weight, zeroPoint));
  const scaled = mul(product, mul(scale, scalesNode(scales)));
  return bias ? add(scaled, bias) : scaled;
}

function floatLayer(
  file: FileWeights,
  { q, scale, zeroPoint }: DynamicallyQuantized,
  { name, inputs, outputs, integers, scales, bias }: Layer,
): Node {
  const width = integers.length / scales.length;
  const rounded = Float32Array.from(
    integers,
    (value, i) => value * Math.fround(scales[Math.floor(i / width)]!),
  );
  const weight = file.store(`rounded:${name}.weight`, rounded, [outputs, inputs]);
  return floatLinear(mul(sub(toFloat(q), toFloat(zeroPoint)), scale), weight, bias);
}
