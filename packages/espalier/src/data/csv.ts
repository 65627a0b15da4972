// Tables in CSV (RFC 4180).
import { CsvError, parse } from 'csv-parse/sync';
import { FormatError } from '../errors.js';
import { positions, type TableRow } from './table.js';

export function readCsv(path: string, text: string, columns: readonly string[]): TableRow[] {
  const lastLines: number[] = []; // a record may span lines: the number of its last one
  let records: string[][];
  try {
    records = parse(text, {
      skip_empty_lines: true,
      on_record: (record: string[], { lines }) => {
        lastLines.push(lines);
        return record;
      },
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new FormatError(path, `is no CSV: ${cause.message}`, { cause });
  }
  const picks = positions(path, records[0] ?? [], columns);
  return records.slice(1).map((record, index) => ({
    at: `line ${lastLines[index + 1]}`,
    cells: picks.map((pick) => record[pick]),
  }));
}
