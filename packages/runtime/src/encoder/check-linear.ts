// No index and no count reaches a kernel unseen.
import { RuntimeError } from './errors.js';
import type { LinearWeights, SparseRows } from './weights.js';

/** Columns that a u16 can name. */
export const MOST_COLUMNS = 2 ** 16;

/** Throws where arrays of the layer disagree; `name` is what messages call it. */
export function checkLinear(name: string, weights: LinearWeights): void {
  const { form, rows, columns, bias, values } = weights;
  const expect = (what: string, expected: number, found: number): void => {
    if (expected !== found) throw problem(name, `expected ${expected} ${what}, found ${found}`);
  };
  expect('biases', rows, bias.length);
  if (columns > MOST_COLUMNS)
    throw problem(name, `expected at most ${MOST_COLUMNS} columns, found ${columns}`);
  if (form === 'dense') {
    expect('values', rows * columns, values.length);
    return;
  }
  const width = form === 'int8' ? 4 : 1;
  checkRows(name, weights.entries, rows, Math.ceil(columns / width));
  expect('values', width * weights.entries.columns.length, values.length);
  if (values instanceof Int8Array) expect('scales', rows, weights.scales?.length ?? 0);
}

function checkRows(name: string, { rowStart, columns }: SparseRows, rows: number, limit: number): void {
  if (rowStart.length !== rows + 1 || rowStart[0] !== 0 || rowStart[rows] !== columns.length)
    throw problem(name, `expected the starts of ${rows} rows from 0 to ${columns.length}, and the end`);
  for (let row = 0; row < rows; row++) {
    const end = rowStart[row + 1]!;
    let before = -1;
    if (end < rowStart[row]!) throw problem(name, `row ${row} ends before it begins`);
    for (let entry = rowStart[row]!; entry < end; entry++) {
      const column = columns[entry]!;
      if (column <= before || column >= limit)
        throw problem(
          name,
          `row ${row}: expected ascending columns below ${limit}, found ${column} after ${before}`,
        );
      before = column;
    }
  }
}

const problem = (name: string, what: string): RuntimeError =>
  new RuntimeError('weights', `layer ${name}: ${what}; the weights are damaged, make them anew`);
