// Reading rows of a table by index, and the sum that scatters rows back.
import { sizeOf } from '../../tensor/tensor.js';
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';
import { constant } from '../program.js';
import { reshape } from './shape.js';

type None = Record<string, never>;

/** table [n, width], ids [count] -> [count, width]. The gradient stays as rows. */
export const gatherRowsOp: Op<None> = {
  name: 'Gather',
  signature: ([table, ids]) => {
    requireShape(table!.shape.length === 2 && ids!.shape.length === 1, 'Gather', [table!, ids!]);
    return [{ shape: [ids!.shape[0]!, table!.shape[1]!], dtype: table!.dtype }];
  },
  lower: (emit, inputs, outputs) => emit.node('Gather', inputs, outputs, { axis: { int: 0 } }),
  gradient: ({ inputs: [, ids], outputGradients: [dy] }) => [{ ids: ids!, rows: dy! }, undefined],
  evaluate: ([table, ids]) => {
    const width = table!.shape[1]!;
    const data = new Float64Array(ids!.data.length * width);
    for (const [index, id] of ids!.data.entries()) {
      data.set(table!.data.subarray(id * width, (id + 1) * width), index * width);
    }
    return [{ shape: [ids!.data.length, width], data }];
  },
};

export const gatherRows = (table: Node, ids: Node): Node => apply(gatherRowsOp, [table, ids], {});

interface ScatterAttributes {
  readonly shape: readonly number[];
}

/** rows [count, width], ids [count] -> a zero table with the rows added at their ids. */
export const scatterRowsOp: Op<ScatterAttributes> = {
  name: 'ScatterND',
  signature: (_, { shape }) => [{ shape, dtype: 'float32' }],
  lower: (emit, [zeros, indices, rows], outputs) => {
    emit.node('ScatterND', [zeros!, indices!, rows!], outputs, { reduction: { string: 'add' } });
  },
  gradient: ({ inputs: [, indices], outputGradients: [dy] }) => [
    undefined,
    undefined,
    gatherRows(dy!, reshape(indices!, [indices!.shape[0]!])),
  ],
  evaluate: ([zeros, indices, rows], { shape }) => {
    const width = shape[1]!;
    const data = zeros!.data.slice();
    for (const [index, id] of indices!.data.entries()) {
      for (let j = 0; j < width; j++) data[id * width + j]! += rows!.data[index * width + j]!;
    }
    return [{ shape, data }];
  },
};

/** Sums rows [count, width] into a table of the given shape [n, width]. */
export const scatterRows = (rows: Node, ids: Node, shape: readonly number[]): Node =>
  apply(
    scatterRowsOp,
    [constant(new Float32Array(sizeOf(shape)), shape), reshape(ids, [ids.shape[0]!, 1]), rows],
    {
      shape,
    },
  );
