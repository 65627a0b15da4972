// Tables as aligned text for a terminal and as Markdown. Columns of numbers stand to the right. Widths follow
// Unicode's East Asian Width (UAX #11) as far as terminals do: wide characters and emoji take two cells.
import { stripVTControlCharacters } from 'node:util';
import { formatNumber } from './format.js';

export type Cell = string | number | null | undefined;

export interface Column {
  readonly title: string;
  /** Without it, right when every cell is a number or empty, otherwise left. */
  readonly align?: 'left' | 'right';
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\ufe0f/u;
const invisible = /^[\p{Mark}\p{Format}\p{Control}]+$/u;

/** Cells that `text` takes in a terminal, escape sequences left out. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) {
    if (!invisible.test(segment)) width += wide.test(segment) ? 2 : 1;
  }
  return width;
}

interface Layout {
  readonly texts: readonly (readonly string[])[];
  readonly right: readonly boolean[];
}

const isNumber = (cell: Cell): boolean => typeof cell !== 'string';

function layOut(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Layout {
  for (const [i, row] of rows.entries()) {
    if (row.length !== columns.length) {
      throw new RangeError(`table row ${i}: expected ${columns.length} cells, found ${row.length}`);
    }
  }
  const right = columns.map(({ align }, i) =>
    align ? align === 'right' : rows.length > 0 && rows.every((row) => isNumber(row[i])),
  );
  const texts = rows.map((row) => row.map((cell) => (typeof cell === 'string' ? cell : formatNumber(cell))));
  return { texts, right };
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return right ? space + text : text + space;
}

export interface TableStyle {
  /** Turns the head bold; see `colourAllowed`. */
  readonly colour?: boolean;
}

/**
 * An aligned table of one line a row under a ruled head, each line ended by a newline. Numbers go through
 * `formatNumber`, nothing is '-'. Throws RangeError where a row has another number of cells than `columns`.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { colour = false }: TableStyle = {},
): string {
  const { texts, right } = layOut(columns, rows);
  const titles = columns.map(({ title }) => title);
  const widths = titles.map((title, i) =>
    Math.max(...[title, ...texts.map((row) => row[i]!)].map(displayWidth)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => pad(cell, widths[i]!, right[i]!))
      .join('  ')
      .trimEnd();
  const head = line(titles);
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [colour ? `\x1b[1m${head}\x1b[22m` : head, rule, ...texts.map(line)].join('\n') + '\n';
}

const escapeMarkdown = (text: string): string => text.replaceAll('|', '\\|').replace(/\r?\n/g, '<br>');

/** The same table in GitHub's Markdown, ended by a newline. Throws RangeError as `renderTable` does. */
export function renderMarkdownTable(columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const { texts, right } = layOut(columns, rows);
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  const rule = `| ${right.map((it) => (it ? '---:' : '---')).join(' | ')} |`;
  return [line(columns.map(({ title }) => title)), rule, ...texts.map(line)].join('\n') + '\n';
}
