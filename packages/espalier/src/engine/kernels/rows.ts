// Embedding gradients: rows that leave the graph one per token are added to the rows of the table they came
// from. Tables are not padded between rows, so a width that is no multiple of 4 has a scalar tail.

import { defineFunction, f32, f32x4, i32, v128 } from '@espalier/runtime/wasm';

/** table[ids[k], :] += rows[k, :] for k < count, in order. Every id must be a row of the table. */
export const scatterAddRows = defineFunction(
  { table: 'i32', ids: 'i32', rows: 'i32', count: 'i32', width: 'i32' },
  (body, { table, ids, rows, count, width }) => {
    const rowBytes = body.let(i32.shl(width, i32.const(2)));
    const vectorBytes = body.let(i32.and(rowBytes, i32.const(-16)));
    body.range(i32.const(0), count, 1, (k) => {
      const id = i32.load(i32.add(ids, i32.shl(k, i32.const(2))));
      const target = body.let(i32.add(table, i32.mul(id, rowBytes)));
      const source = body.let(i32.add(rows, i32.mul(k, rowBytes)));
      body.range(i32.const(0), vectorBytes, 16, (at) => {
        const to = i32.add(target, at);
        body.store(to, f32x4.add(v128.load(to), v128.load(i32.add(source, at))));
      });
      body.range(vectorBytes, rowBytes, 4, (at) => {
        const to = i32.add(target, at);
        body.store(to, f32.add(f32.load(to), f32.load(i32.add(source, at))));
      });
    });
  },
);

export function scatterAddRowsTwin(
  table: Float32Array, // [rows of the table, width]
  ids: Int32Array, // [count]
  rows: Float32Array, // [count, width]
  width: number,
): void {
  ids.forEach((id, k) => {
    for (let j = 0; j < width; j++) table[id * width + j] = table[id * width + j]! + rows[k * width + j]!;
  });
}
