// A quantised model as an ONNX file of integer arithmetic (Jacob et al., 2018; the int8 inference of Prune Once for
// All). Written as QuantizeLinear, DequantizeLinear and Gemm with an int32 bias: of the standard's forms the one that
// ONNX Runtime turns into a single integer product with scaling and bias in it (QGemm), on the web too.
import type { Node } from '../graph/node.js';
import { dequantizeLinear, gemm, quantizeLinear } from '../graph/ops/index.js';
import { byte, int8Zeros, scalar } from '../graph/program.js';
import { roundHalfEven } from '../graph/ops/round-half-even.js';
import { biasSteps, toInt8 } from '../models/int8.js';
import type { Model } from '../models/model.js';
import type { AffineRange, Quantisation, QuantisedLayer } from '../models/quantisation.js';
import { type FileWeights, fileWeights, int8Tables, scalesNode } from './file-weights.js';
import { classifierBytes } from './onnx.js';

/** The layers and tables of the record in int8, all else in float32. */
export function int8Bytes(model: Model, { layers, tables }: Quantisation): Uint8Array {
  const file = fileWeights(model);
  const rounded = rounding();
  const linear = (x: Node, name: string): Node | undefined => {
    const layer = layers[name];
    return layer && integerLayer(file, rounded, x, name, layer);
  };
  return classifierBytes(model, { ...file.weights, ...int8Tables(file, tables), linear }, file.initializers);
}

type Rounding = (x: Node, range: AffineRange) => Node;

/** Values to uint8 and back. What several layers read with the same range, as query, key and value, is rounded once. */
function rounding(): Rounding {
  const known = new Map<string, Node>();
  return (x, { scale, zeroPoint }) => {
    const key = `${x.id} ${scale} ${zeroPoint}`;
    const [unit, zero] = [scalar(scale), byte(zeroPoint)];
    const node = known.get(key) ?? dequantizeLinear(quantizeLinear(x, unit, zero), unit, { zeroPoint: zero });
    known.set(key, node);
    return node;
  };
}

/** x [tokens, in] -> [tokens, out] with weights [in, out] int8 and, at scale_in * scale_w, bias [out] int32. */
function integerLayer(
  file: FileWeights,
  rounded: Rounding,
  x: Node,
  name: string,
  { weightScales, input, output }: QuantisedLayer,
): Node {
  const { data, shape } = file.model.tensors.get(`${name}.weight`)!;
  const [outputs, inputs] = [shape[0]!, shape[1]!];
  const bias = file.model.tensors.get(`${name}.bias`)?.data;
  const scales = bias ? scalesForBias(weightScales, bias, input.scale) : weightScales;
  const matrix = file.store(`int8:${name}.weight`, transposed(toInt8(data, scales), inputs), [
    inputs,
    outputs,
  ]);
  const factors = scalesNode(scales);
  // ONNX Runtime knows the form only with zero points in it.
  const weight = dequantizeLinear(matrix, factors, { axis: 1, zeroPoint: int8Zeros(factors.shape) });
  const product = gemm(
    rounded(x, input),
    weight,
    bias && { c: integerBias(file, name, bias, scales, input) },
  );
  return output ? rounded(product, output) : product;
}

function integerBias(
  file: FileWeights,
  name: string,
  bias: Float32Array,
  scales: readonly number[],
  input: AffineRange,
): Node {
  const steps = biasSteps(scales, input);
  const integers = Int32Array.from(bias, (value, i) =>
    roundHalfEven(Math.fround(value / steps[i % steps.length]!)),
  );
  return dequantizeLinear(file.store(`int32:${name}.bias`, integers, [bias.length]), scalesNode(steps));
}

/** Largest magnitude of an int32 bias: room for the sum it is added to. */
const BIAS_LIMIT = 2 ** 30;

/**
 * The scales, made larger where the bias would not fit 32 bits: for rows that are zero, or so small that even the
 * coarser steps move the sum of 3,072 products by less than 4e-4 of the bias.
 */
function scalesForBias(scales: readonly number[], bias: Float32Array, unit: number): readonly number[] {
  const least = (value: number): number => Math.abs(value) / (unit * BIAS_LIMIT);
  if (scales.length === 1) return [bias.reduce((scale, value) => Math.max(scale, least(value)), scales[0]!)];
  return scales.map((scale, row) => Math.max(scale, least(bias[row]!)));
}

/** [rows, columns] -> [columns, rows]. */
export function transposed(matrix: Int8Array, columns: number): Int8Array {
  const rows = matrix.length / columns;
  const result = new Int8Array(matrix.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = matrix[i * columns + j]!;
  }
  return result;
}
