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

/** Rows of so many entries each, filled up to multiples of `unit`. */
export function orderRows(counts: Uint16Array | Uint32Array, unit: number): RowOrder {
  const units = Int32Array.from(counts, (count) => Math.ceil(count / unit));
  const most = units.reduce((a, b) => Math.max(a, b), 0);
  /** Where the next row of so many units goes. */
  const places = new Int32Array(most + 2);
  for (const count of units) places[count + 1]!++;
  for (let count = 0; count < most; count++) places[count + 1]! += places[count]!;
  const order = new Int32Array(2 * units.length);
  units.forEach((count, row) => {
    order.set([row, count], 2 * places[count]!++);
  });
  const starts = new Int32Array(units.length);
  let total = 0;
  for (let place = 0; place < order.length; place += 2) {
    starts[order[place]!] = total;
    total += unit * order[place + 1]!;
  }
  return { order, starts, total };
}
