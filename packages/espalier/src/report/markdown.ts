// report.md: the same as report.json, for people.
import type { Scores } from '../train/evaluation.js';
import { formatBytes, formatDuration, formatPercent } from './format.js';
import { type Column, renderMarkdownTable } from './tables.js';
import type { Report } from './report.js';

/** Rows "metric, dense, compressed, change" of a report; `majority` and `loss` last. */
export function scoreRows({ metrics: { dense, compressed } }: Report): string[][] {
  const order = (name: string): number => ['majority', 'loss'].indexOf(name);
  const names = Object.keys(compressed ?? dense ?? {}).sort((a, b) => order(a) - order(b));
  const value = (scores: Scores | undefined, name: string): number | undefined =>
    scores?.[name as keyof Scores];
  const show = (number: number | undefined): string => number?.toFixed(4) ?? '';
  return names.map((name) => {
    const [before, after] = [value(dense, name), value(compressed, name)];
    const change =
      before !== undefined && after !== undefined && name !== 'majority' ? after - before : undefined;
    return [
      name,
      show(before),
      show(after),
      change === undefined ? '' : `${change >= 0 ? '+' : ''}${show(change)}`,
    ];
  });
}

export const SCORE_COLUMNS: readonly Column[] = [
  { title: 'dev' },
  { title: 'dense', align: 'right' },
  { title: 'compressed', align: 'right' },
  { title: 'change', align: 'right' },
];

/** Facts about size and run, as name and value. */
export function factRows(report: Report): string[][] {
  const { sparsity, int8, parameters, bytes, finalAdjustment, steps, seconds } = report;
  return [
    ['zeros in the encoder matrices', formatPercent(sparsity.encoder)],
    ['zeros in the whole model', formatPercent(sparsity.model)],
    [
      'parameters',
      `${parameters.total.toLocaleString('en')}, of which ${parameters.nonzero.toLocaleString('en')} not zero`,
    ],
    ...(int8 === undefined
      ? []
      : [
          ['weights in int8', int8.weights.toLocaleString('en')],
          [
            'of these not zero, but rounded to zero',
            `${int8.rounded.toLocaleString('en')} of ${int8.nonzero.toLocaleString('en')}`,
          ],
        ]),
    ['model.safetensors', `${formatBytes(bytes.denseF32)}, ${formatBytes(bytes.gzip)} with gzip`],
    ...(finalAdjustment === null
      ? []
      : [['final adjustment of the sparsity', formatPercent(finalAdjustment)]]),
    ['steps', `${steps} in ${formatDuration(seconds)}`],
  ];
}

/** Said wherever a pruned float32 file is shown: its size and speed are those of the dense model. */
export const DENSE_FILE_NOTE =
  'The zeros are stored: this float32 file is as large as the dense one, and ONNX Runtime is no faster for them.';

export function renderReport(report: Report): string {
  const { task, model, recipe, seed, data, settings, versions, maskHash } = report;
  return [
    `# ${recipe.name} on ${task}`,
    '',
    `Model: \`${model}\`. Seed ${seed}. Recipe: [recipe.yaml](recipe.yaml).`,
    '',
    renderMarkdownTable(SCORE_COLUMNS, scoreRows(report)),
    '',
    '`majority` is the score of always guessing the commonest label.',
    '',
    renderMarkdownTable([{ title: 'what' }, { title: 'value' }], factRows(report)),
    '',
    ...(report.sparsity.encoder > 0 ? [DENSE_FILE_NOTE, ''] : []),
    `Pattern hash of the encoder matrices: \`${maskHash}\``,
    '',
    '## Data',
    '',
    renderMarkdownTable(
      [{ title: 'file' }, { title: 'rows', align: 'right' }, { title: 'SHA-256' }],
      data.files.map((file, index) => [
        `\`${file}\``,
        String(data.rows[index]),
        `\`${data.sha256[index]!}\``,
      ]),
    ),
    '',
    '## Settings',
    '',
    renderMarkdownTable(
      [{ title: 'setting' }, { title: 'value' }],
      Object.entries({ ...settings, ...versions }).map(([name, value]) => [name, JSON.stringify(value)]),
    ),
    '',
  ].join('\n');
}
