// A comparison for people: the table of rows and tasks, the fronts, and what failed, as text or Markdown.
import { type ComparedRow, type Comparison, DENSE_ROW, type FailedCell, rowTitle } from './comparison.js';
import { adjustmentWarning, formatBytes, formatPercent } from './format.js';
import type { Table } from './markdown.js';
import { renderMarkdownTable } from './tables.js';

const points = (score: number): string => (100 * score).toFixed(1);

function scoreCell({ recipe, scores }: ComparedRow, task: string): string {
  const summary = scores[task];
  if (summary === undefined) return '';
  const spread = summary.deviation === null ? '' : ` ± ${points(summary.deviation)}`;
  const change = summary.change === null || recipe === DENSE_ROW ? '' : summary.change;
  const drop = change === '' ? '' : ` (${change >= 0 ? '+' : ''}${points(change)})`;
  return `${points(summary.mean)}${spread}${drop}`;
}

/** Scores times 100: mean ± standard deviation over seeds, in brackets the change from the dense model. */
export function comparisonTable({ tasks, rows }: Comparison): Table {
  const right = 'right' as const;
  const title = ({ name, metric, informative }: Comparison['tasks'][number]): string =>
    `${name} ${metric}${informative ? '' : ' *'}`;
  const majority = tasks.map((task) => (task.majority === null ? '' : points(task.majority)));
  return {
    columns: [
      { title: 'model' },
      { title: 'recipe' },
      ...['asked', 'zeros', 'parameters', 'gzip', ...tasks.map(title)].map((column) => ({
        title: column,
        align: right,
      })),
    ],
    rows: [
      ['', 'majority', '', '', '', '', ...majority],
      ...rows.map((row) => [
        row.model,
        row.recipe,
        row.sparsity === null ? '' : formatPercent(row.sparsity),
        formatPercent(row.encoder),
        Math.round(row.parameters).toLocaleString('en'),
        formatBytes(row.bytes),
        ...tasks.map(({ name }) => scoreCell(row, name)),
      ]),
    ],
  };
}

const rowWarnings = (rows: readonly ComparedRow[]): string[] =>
  rows.flatMap((row) => {
    const warning = adjustmentWarning(row.adjustment);
    return warning === undefined ? [] : [`${rowTitle(row)}: ${warning}`];
  });

/** What the columns mean, and which of them mean little. */
export function comparisonNotes({ tasks, rows }: Comparison): string[] {
  if (rows.length === 0) return ['No cell has a score yet.'];
  const seeds = new Set(
    rows.flatMap(({ scores }) => Object.values(scores).map((summary) => summary.seeds.length)),
  );
  const most = Math.max(...seeds);
  const spread =
    most === 1
      ? 'of one seed'
      : `mean ± standard deviation over ${[...seeds].sort((a, b) => a - b).join(' or ')} seeds`;
  const weak = tasks.filter(({ informative }) => !informative).map(({ name }) => name);
  return [
    `Scores on dev, times 100: ${spread}; in ` +
      'brackets the change from the dense model of the same seeds. zeros: of the encoder matrices; gzip: model.safetensors.',
    ...(weak.length === 0
      ? []
      : [
          `* ${weak.join(', ')}: not informative with these models. No dense model beats the majority by 10 points, or has a ` +
            'correlation of 0.3.',
        ]),
    ...rowWarnings(rows),
  ];
}

/** The front of one task. */
export const frontTable = (comparison: Comparison, task: string): Table => ({
  columns: [
    { title: `best for its bytes on ${task}` },
    { title: 'bytes', align: 'right' },
    { title: 'score', align: 'right' },
  ],
  rows: comparison.fronts[task]!.map(({ what, bytes, score }) => [what, formatBytes(bytes), points(score)]),
});

export const failedLine = (cell: FailedCell): string =>
  `failed: ${rowTitle(cell)} on ${cell.task}, seed ${cell.seed}: ${cell.error}`;

/** compare.md. */
export function renderComparison(comparison: Comparison, failed: readonly FailedCell[]): string {
  const { columns, rows } = comparisonTable(comparison);
  const fronts = comparison.tasks.map(({ name }) => {
    const front = frontTable(comparison, name);
    return renderMarkdownTable(front.columns, front.rows);
  });
  return [
    '# Comparison',
    '',
    renderMarkdownTable(columns, rows),
    ...comparisonNotes(comparison).flatMap((note) => [note, '']),
    '## Bytes against score',
    '',
    'Packed files have their tokenizer in them, the others have none; float32 counts as gzipped, int8 as its file.',
    '',
    ...fronts.flatMap((front) => [front, '']),
    ...(failed.length === 0 ? [] : ['## Failed', '', ...failed.map((cell) => `- ${failedLine(cell)}`), '']),
  ].join('\n');
}
