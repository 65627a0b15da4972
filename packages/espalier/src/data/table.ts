// A table as it was read from a file, in whatever format: rows of the columns that were asked for.
import { FormatError } from '../errors.js';

/** One row: its cells in the order of the columns that were asked for. */
export interface TableRow {
  /** "line 12" or, in Parquet, "row 12"; both count from 1. */
  readonly at: string;
  readonly cells: readonly unknown[];
}

export interface Table {
  readonly path: string;
  /** SHA-256 of the file's bytes, in hexadecimal. */
  readonly sha256: string;
  readonly rows: readonly TableRow[];
}

/** Positions of `columns` in `header`. Throws FormatError naming the first that is not there, or there twice. */
export function positions(path: string, header: readonly string[], columns: readonly string[]): number[] {
  return columns.map((column) => {
    const index = header.indexOf(column);
    const second = header.indexOf(column, index + 1);
    if (index !== -1 && second === -1) return index;
    if (index !== -1) {
      throw new FormatError(
        path,
        `expected one column "${column}", found it as columns ${index + 1} and ${second + 1}; rename one of them`,
      );
    }
    const found = header.map((name) => `"${name}"`).join(', ') || 'an empty file';
    throw new FormatError(path, `expected a column "${column}", found ${found}`);
  });
}
