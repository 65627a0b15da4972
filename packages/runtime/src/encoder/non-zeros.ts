// Rows of a dense matrix without their zeros.
import type { SparseRows } from './weights.js';

/** Groups of `width` neighbours of a row that are not all zero; the last of a row is filled up with zeros. */
export function nonZeros<A extends Float32Array | Int8Array>(
  dense: A,
  rows: number,
  width: number,
  make: (length: number) => A,
): { readonly entries: SparseRows; readonly values: A } {
  const columns = dense.length / rows;
  const rowStart = new Uint32Array(rows + 1);
  const places: number[] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column += width) {
      const start = row * columns + column;
      const end = row * columns + Math.min(column + width, columns);
      if (dense.subarray(start, end).some((value) => value !== 0)) places.push(column / width);
    }
    rowStart[row + 1] = places.length;
  }
  const values = make(width * places.length);
  for (let row = 0; row < rows; row++)
    for (let entry = rowStart[row]!; entry < rowStart[row + 1]!; entry++) {
      const start = row * columns + width * places[entry]!;
      values.set(dense.subarray(start, Math.min(start + width, (row + 1) * columns)), width * entry);
    }
  return { entries: { rowStart, columns: Uint16Array.from(places) }, values };
}
