// The weights of an exported graph: nodes, and the arrays that the file stores behind them, float32 or int8.
import type { Node, NodeDtype } from '../graph/node.js';
import type { Initializers } from '../graph/onnx.js';
import { gatherRows, mul, toFloat } from '../graph/ops/index.js';
import { constant, input, scalar } from '../graph/program.js';
import { toInt8 } from '../models/int8.js';
import type { Weights } from '../models/builder.js';
import type { Model } from '../models/model.js';
import { plainWeights } from '../train/predictor.js';

export interface FileWeights {
  readonly model: Model;
  /** Every tensor in float32, under its own name. */
  readonly weights: Weights;
  readonly initializers: Initializers;
  /** Adds an array to the file. A name stands for one array. */
  store(name: string, data: Float32Array | Int32Array | Int8Array, shape: readonly number[]): Node;
}

const dtypeOf = (data: Float32Array | Int32Array | Int8Array): NodeDtype =>
  data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int8';

export function fileWeights(model: Model): FileWeights {
  const initializers = new Map<string, Float32Array | Int32Array | Int8Array>();
  const stored = new Map<string, Node>();
  for (const [name, { data }] of model.tensors) initializers.set(`weight:${name}`, data);
  return {
    model,
    weights: plainWeights(model),
    initializers,
    store(name, data, shape) {
      const node = stored.get(name) ?? input(name, shape, dtypeOf(data));
      stored.set(name, node);
      initializers.set(name, data);
      return node;
    },
  };
}

/** One scale as a scalar, several as a vector. */
export const scalesNode = (scales: readonly number[]): Node =>
  scales.length === 1 ? scalar(scales[0]!) : constant(scales, [scales.length]);

/**
 * Tables as int8, by tensor name with one scale or one per row. Rows are read as int8 and scaled after; a table that
 * is read whole is scaled when the file is opened, since all of it is constant.
 */
export function int8Tables(
  file: FileWeights,
  tables: Readonly<Record<string, { readonly scales: readonly number[] }>>,
): Pick<Weights, 'weight' | 'rows'> {
  const { model, weights } = file;
  const table = (name: string, scales: readonly number[]): Node => {
    const { data, shape } = model.tensors.get(name)!;
    return file.store(`int8:${name}`, toInt8(data, scales), shape);
  };
  const column = (scales: readonly number[]): Node =>
    scales.length === 1 ? scalar(scales[0]!) : constant(scales, [scales.length, 1]);
  return {
    weight: (name) => {
      const scales = tables[name]?.scales;
      return scales ? mul(toFloat(table(name, scales)), column(scales)) : weights.weight(name);
    },
    rows: (name, ids) => {
      const scales = tables[name]?.scales;
      if (!scales) return weights.rows(name, ids);
      const all = column(scales);
      return mul(
        toFloat(gatherRows(table(name, scales), ids)),
        scales.length === 1 ? all : gatherRows(all, ids),
      );
    },
  };
}
