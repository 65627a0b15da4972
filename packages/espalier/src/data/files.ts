// Tables from files: TSV without quoting (GLUE's own: a quotation mark is a character), CSV (RFC 4180), JSON
// lines and Parquet. A table is read for named columns and keeps where each row stands, for error messages. What reads CSV and
// Parquet is loaded for such a file.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { z } from 'zod';
import { EspalierError, FormatError } from '../errors.js';
import { positions, type Table, type TableRow } from './table.js';

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
    case '.csv': {
      const { readCsv } = await import('./csv.js');
      return { path, sha256, rows: readCsv(path, text(), columns) };
    }
    case '.jsonl':
      return { path, sha256, rows: readJsonLines(path, text(), columns) };
    case '.parquet': {
      const { readParquet } = await import('./parquet.js');
      return { path, sha256, rows: await readParquet(path, bytes, columns) };
    }
    default:
      throw new FormatError(
        path,
        `expected a file ending in ${tableExtensions.map((e) => `.${e}`).join(', ')}`,
      );
  }
}
