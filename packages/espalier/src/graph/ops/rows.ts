// Reading rows of a table by index, and the sum that scatters rows back.
import { sizeOf } from '../../tensor/tensor.js';
import type { Node, Op } from '../node.js';
import { apply, requireShape } from '../node.js';

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

/**
 * rows [count, width], ids [count] -> a zero table with the rows added at their ids. Lowered to ScatterElements:
 * ONNX Runtime's ScatterND loses additions when several threads meet at a repeated index.
 */
export const scatterRowsOp: Op<ScatterAttributes> = {
  name: 'ScatterRows',
  signature: ([rows, ids], { shape }) => {
    const fits = shape.length === 2 && rows!.shape.join() === `${ids!.shape.join()},${shape[1]!}`;
    requireShape(fits, `ScatterRows to [${shape.join(', ')}]`, [rows!, ids!]);
    return [{ shape, dtype: 'float32' }];
  },
  lower: (emit, [rows, ids], outputs, { shape }) => {
    const [zeros, column, indices] = [emit.temporary(), emit.temporary(), emit.temporary()];
    emit.node('ConstantOfShape', [emit.integers(shape)], [zeros]);
    emit.node('Reshape', [ids!, emit.integers([-1, 1])], [column]);
    emit.node('Expand', [column, emit.integers([1, shape[1]!])], [indices]);
    const attributes = { axis: { int: 0 }, reduction: { string: 'add' } };
    emit.node('ScatterElements', [zeros, indices, rows!], outputs, attributes);
  },
  gradient: ({ inputs: [, ids], outputGradients: [dy] }) => [gatherRows(dy!, ids!), undefined],
  evaluate: ([rows, ids], { shape }) => {
    const width = shape[1]!;
    const data = new Float64Array(sizeOf(shape));
    for (const [index, id] of ids!.data.entries()) {
      for (let j = 0; j < width; j++) data[id * width + j]! += rows!.data[index * width + j]!;
    }
    return [{ shape, data }];
  },
};

/** Sums rows [count, width] into a table of the given shape [n, width]. */
export const scatterRows = (rows: Node, ids: Node, shape: readonly number[]): Node =>
  apply(scatterRowsOp, [rows, ids], { shape });
