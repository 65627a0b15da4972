// Rows of a dense matrix as entries, in plain loops: a model has tens of millions of values.
import type { SparseRows } from './weights.js';

/** The values that are not zero. */
export function nonZeros(
  dense: Float32Array,
  rows: number,
): { readonly entries: SparseRows; readonly values: Float32Array } {
  let total = 0;
  for (let i = 0; i < dense.length; i++) if (dense[i] !== 0) total++;
  const rowStart = new Uint32Array(rows + 1);
  const columns = new Uint16Array(total);
  const values = new Float32Array(total);
  const width = dense.length / rows;
  let entry = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < width; column++) {
      const value = dense[row * width + column]!;
      if (value === 0) continue;
      columns[entry] = column;
      values[entry++] = value;
    }
    rowStart[row + 1] = entry;
  }
  return { entries: { rowStart, columns }, values };
}

/** All blocks of four neighbours; the last of a row is filled up with zeros. */
export function wholeBlocks(
  dense: Int8Array,
  rows: number,
): { readonly entries: SparseRows; readonly values: Int8Array } {
  const width = dense.length / rows;
  const blocks = Math.ceil(width / 4);
  const values = new Int8Array(4 * blocks * rows);
  for (let row = 0; row < rows; row++)
    values.set(dense.subarray(row * width, (row + 1) * width), 4 * blocks * row);
  const rowStart = Uint32Array.from({ length: rows + 1 }, (_, row) => blocks * row);
  const columns = Uint16Array.from({ length: blocks * rows }, (_, entry) => entry % blocks);
  return { entries: { rowStart, columns }, values };
}
