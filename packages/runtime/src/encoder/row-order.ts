// How rows of a sparse layer stand in memory: by their lengths, the shortest first. A processor foresees the end of a row as long as
// the one before, and loses some twenty cycles at another.

export interface RowOrder {
  /** [rows, 2], in the order in which they stand: which row it is, and how many units of entries it has. */
  readonly order: Int32Array;
  /** [rows]: where the entries of each row begin. */
  readonly starts: Int32Array;
  /** Entries of all rows. */
  readonly total: number;
}

/** Rows of so many entries each, filled up to multiples of `unit`. In plain loops, since a model has a hundred thousand rows. */
export function orderRows(counts: Uint16Array | Uint32Array, unit: number): RowOrder {
  const rows = counts.length;
  const unitsOf = (row: number): number => Math.ceil(counts[row]! / unit);
  let most = 0;
  for (let row = 0; row < rows; row++) most = Math.max(most, unitsOf(row));
  /** Where the next row of so many units goes. */
  const places = new Int32Array(most + 2);
  for (let row = 0; row < rows; row++) places[unitsOf(row) + 1]! += 1;
  for (let units = 0; units < most; units++) places[units + 1]! += places[units]!;
  const order = new Int32Array(2 * rows);
  for (let row = 0; row < rows; row++) {
    const units = unitsOf(row);
    const place = places[units]!++;
    order[2 * place] = row;
    order[2 * place + 1] = units;
  }
  const starts = new Int32Array(rows);
  let total = 0;
  for (let place = 0; place < rows; place++) {
    starts[order[2 * place]!] = total;
    total += unit * order[2 * place + 1]!;
  }
  return { order, starts, total };
}
