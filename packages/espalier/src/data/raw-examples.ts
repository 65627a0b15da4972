// From the rows of a table to labelled examples: texts are strings, a class is a known one, a score is a number.
import { FormatError } from '../errors.js';
import type { RawExample, Task } from './example.js';
import { readTable, type TsvLayout } from './files.js';
import type { Columns } from './glue.js';
import type { Table, TableRow } from './table.js';

/** What a label may look like: `byName` only the class names, `byIndex` also their positions (GLUE). */
export type LabelStyle = 'byName' | 'byIndex';

/** A table of text, label and pair, in that order of cells. */
export const readExampleTable = (path: string, columns: Columns, tsv?: TsvLayout): Promise<Table> =>
  readTable(path, [columns.text, columns.label, ...(columns.pair === undefined ? [] : [columns.pair])], tsv);

/** A label's cell as text: `1`, `1n`, `true` and `'1'` alike. Undefined where there is none. */
export function labelText(cell: unknown): string | undefined {
  if (typeof cell === 'string') return cell.trim() === '' ? undefined : cell;
  return typeof cell === 'number' || typeof cell === 'bigint' || typeof cell === 'boolean'
    ? String(cell)
    : undefined;
}

/** A label's cell for messages. */
export const shown = (cell: unknown): string =>
  labelText(cell) ?? (cell === '' ? 'an empty cell' : String(cell));

function textOf(path: string, row: TableRow, column: string, cell: unknown): string {
  if (typeof cell === 'string') return cell;
  throw new FormatError(path, `${row.at}: expected text in "${column}", found ${shown(cell)}`);
}

function scoreOf(path: string, row: TableRow, column: string, cell: unknown): number {
  const score = Number(labelText(cell));
  if (Number.isFinite(score)) return score;
  throw new FormatError(path, `${row.at}: expected a number in "${column}", found ${shown(cell)}`);
}

/** Classes by everything that may name them. */
function classesOf(task: Task, style: LabelStyle): ReadonlyMap<string, number> {
  const indices =
    style === 'byIndex' ? task.labels.map((_, index): [string, number] => [String(index), index]) : [];
  return new Map([...indices, ...task.labels.map((label, index): [string, number] => [label, index])]);
}

/**
 * The examples of a table from `readExampleTable`. Throws FormatError with file and line for a text that is
 * none, a class that the task does not have, and a score that is no finite number.
 */
export function toExamples(table: Table, columns: Columns, task: Task, style: LabelStyle): RawExample[] {
  const classes = classesOf(task, style);
  return table.rows.map((row) => {
    const [text, cell, pair] = row.cells;
    const label =
      task.kind === 'regression'
        ? scoreOf(table.path, row, columns.label, cell)
        : classes.get(labelText(cell) ?? '');
    if (label === undefined) {
      throw new FormatError(
        table.path,
        `${row.at}: label ${shown(cell)} is not one of ${task.name}: ${task.labels.join(', ')}`,
      );
    }
    const first = textOf(table.path, row, columns.text, text);
    return columns.pair === undefined
      ? { text: first, label }
      : { text: first, pair: textOf(table.path, row, columns.pair, pair), label };
  });
}

/**
 * The labelled examples of one file, whose extension says its format. Throws as `readTable` and `toExamples`.
 */
export async function loadRawExamples(
  path: string,
  options: { columns: Columns; task: Task; style?: LabelStyle; tsv?: TsvLayout },
): Promise<RawExample[]> {
  const { columns, task, style = 'byName', tsv } = options;
  return toExamples(await readExampleTable(path, columns, tsv), columns, task, style);
}
