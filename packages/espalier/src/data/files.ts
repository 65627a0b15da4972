// Tables from files: TSV without quoting (GLUE's own: a quotation mark is a character), CSV (RFC 4180), JSON
// lines and Parquet. A table is read for named columns and keeps where each row stands, for error messages.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { CsvError, parse as parseCsv } from 'csv-parse/sync';
import { parquetMetadata, parquetReadObjects, parquetSchema } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { z } from 'zod';
import { EspalierError, FormatError } from '../errors.js';

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

/** How a TSV file departs from "a header, then rows as long as it". */
export interface TsvLayout {
  /** Column names of a file without a header line. */
  readonly header?: readonly string[];
  /** `exact` (default): as long as the header; `atLeast`: rows may be longer; `skipShort`: drops shorter ones. */
  readonly rows?: 'exact' | 'atLeast' | 'skipShort';
}

/** Extensions that `readTable` knows, in the order in which they are named to the user. */
export const tableExtensions = ['tsv', 'jsonl', 'csv', 'parquet'] as const;

type Cells = readonly unknown[];

/** Bytes before the first one that is no UTF-8. Decoding marks it with U+FFFD, which may also stand there. */
function invalidOffset(bytes: Uint8Array): number {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  let offset = 0;
  let end = 0;
  for (let mark = text.indexOf('\ufffd'); mark !== -1; mark = text.indexOf('\ufffd', end)) {
    offset += Buffer.byteLength(text.slice(end, mark));
    const genuine = bytes[offset] === 0xef && bytes[offset + 1] === 0xbf && bytes[offset + 2] === 0xbd;
    if (!genuine) return offset;
    offset += 3;
    end = mark + 1;
  }
  return offset;
}

/** UTF-8 text without its byte order mark. Throws FormatError with the offset of the first other byte. */
export function decodeUtf8(path: string, bytes: Uint8Array): string {
  if (isUtf8(bytes)) return new TextDecoder().decode(bytes);
  throw new FormatError(
    path,
    `expected UTF-8, found another byte at offset ${invalidOffset(bytes)}; convert the file`,
  );
}

/** Lines with their numbers, blank ones left out; CRLF counts as one line end. */
function linesOf(text: string): { at: string; line: string }[] {
  return text
    .split('\n')
    .map((line, index) => ({ at: `line ${index + 1}`, line: line.endsWith('\r') ? line.slice(0, -1) : line }))
    .filter(({ line }) => line.trim() !== '');
}

/** Positions of `columns` in `header`. */
function positions(path: string, header: readonly string[], columns: readonly string[]): number[] {
  return columns.map((column) => {
    const index = header.indexOf(column);
    if (index !== -1) return index;
    throw new FormatError(
      path,
      `expected a column "${column}", found ${header.map((name) => `"${name}"`).join(', ')}`,
    );
  });
}

function readTsv(path: string, text: string, columns: readonly string[], layout: TsvLayout): TableRow[] {
  const lines = linesOf(text);
  const header = layout.header ?? lines.shift()?.line.split('\t') ?? [];
  const picks = positions(path, header, columns);
  const exact = (layout.rows ?? 'exact') === 'exact';
  const rows: TableRow[] = [];
  for (const { at, line } of lines) {
    const cells = line.split('\t');
    if (cells.length < header.length && layout.rows === 'skipShort') continue;
    if (cells.length < header.length || (exact && cells.length > header.length)) {
      throw new FormatError(path, `${at}: expected ${header.length} columns, found ${cells.length}`);
    }
    rows.push({ at, cells: picks.map((index) => cells[index]) });
  }
  return rows;
}

function readCsv(path: string, text: string, columns: readonly string[]): TableRow[] {
  const lastLines: number[] = []; // a record may span lines: the number of its last one
  let records: string[][];
  try {
    records = parseCsv(text, {
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

const jsonObject = z.record(z.string(), z.unknown());

function readJsonLines(path: string, text: string, columns: readonly string[]): TableRow[] {
  return linesOf(text).map(({ at, line }) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new FormatError(path, `${at}: expected a JSON object: ${String(cause)}`, { cause });
    }
    const fields = jsonObject.safeParse(value);
    if (!fields.success) throw new FormatError(path, `${at}: expected a JSON object, found another value`);
    return { at, cells: cellsOf(path, at, fields.data, columns) };
  });
}

function cellsOf(
  path: string,
  at: string,
  fields: Record<string, unknown>,
  columns: readonly string[],
): Cells {
  return columns.map((column) => {
    if (Object.hasOwn(fields, column)) return fields[column];
    const names = Object.keys(fields).map((name) => `"${name}"`);
    throw new FormatError(path, `${at}: expected a field "${column}", found ${names.join(', ') || 'none'}`);
  });
}

async function readParquet(path: string, bytes: Uint8Array, columns: readonly string[]): Promise<TableRow[]> {
  const file = new Uint8Array(bytes).buffer;
  try {
    const metadata = parquetMetadata(file);
    positions(
      path,
      parquetSchema(metadata).children.map((child) => child.element.name),
      columns,
    );
    const rows = await parquetReadObjects({ file, metadata, columns: [...columns], compressors });
    return rows.map((row, index) => ({
      at: `row ${index + 1}`,
      cells: columns.map((column) => row[column] as unknown),
    }));
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw new FormatError(path, `cannot be read as Parquet: ${(cause as Error).message}`, { cause });
  }
}

/**
 * The named `columns` of every row of a .tsv, .csv, .jsonl or .parquet file. `tsv` describes a TSV file that
 * has no header or ragged rows. Throws EspalierError when the file cannot be read, FormatError naming line and
 * column when it does not hold such rows.
 */
export async function readTable(
  path: string,
  columns: readonly string[],
  tsv: TsvLayout = {},
): Promise<Table> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new EspalierError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const text = (): string => decodeUtf8(path, bytes);
  switch (extname(path)) {
    case '.tsv':
      return { path, sha256, rows: readTsv(path, text(), columns, tsv) };
    case '.csv':
      return { path, sha256, rows: readCsv(path, text(), columns) };
    case '.jsonl':
      return { path, sha256, rows: readJsonLines(path, text(), columns) };
    case '.parquet':
      return { path, sha256, rows: await readParquet(path, bytes, columns) };
    default:
      throw new FormatError(
        path,
        `expected a file ending in ${tableExtensions.map((e) => `.${e}`).join(', ')}`,
      );
  }
}
