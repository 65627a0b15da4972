// report.md: the same as report.json, for people.
import type { ScoreName, Scores } from '../train/evaluation.js';
import { fileTable, packedRows } from './file-table.js';
import { adjustmentWarning, formatBytes, formatDuration, formatPercent } from './format.js';
import { type Column, renderMarkdownTable } from './tables.js';
import type { AdapterReport, Report, Topology } from './report.js';
import type { Ratios } from './size.js';

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly string[][];
}

/** Every score of a report: the dense model, what was made of it, and both in other files where there are such. */
export function scoreTable({ metrics }: Report): Table {
  const { dense, denseInt8, compressed, onnxInt8, packed } = metrics;
  const order = (name: string): number => ['majority', 'loss'].indexOf(name);
  const names = Object.keys(compressed ?? dense ?? {}).sort((a, b) => order(a) - order(b));
  const value = (scores: Scores | undefined, name: string): number | undefined => scores?.[name as ScoreName];
  const show = (number: number | undefined): string => number?.toFixed(4) ?? '';
  const change = (name: string): string => {
    const [before, after] = [value(dense, name), value(compressed, name)];
    if (before === undefined || after === undefined || name === 'majority') return '';
    return `${after >= before ? '+' : ''}${show(after - before)}`;
  };
  const of = (scores: Scores | undefined) => (name: string) => show(value(scores, name));
  const columns = [
    { title: 'dense', cell: of(dense) },
    ...(denseInt8 ? [{ title: 'dense int8', cell: of(denseInt8) }] : []),
    { title: 'compressed', cell: of(compressed) },
    { title: 'change', cell: change },
    ...(onnxInt8 ? [{ title: 'int8 file', cell: of(onnxInt8) }] : []),
    ...(packed ? [{ title: 'packed', cell: of(packed) }] : []),
  ];
  return {
    columns: [{ title: 'dev' }, ...columns.map(({ title }) => ({ title, align: 'right' as const }))],
    rows: names.map((name) => [name, ...columns.map(({ cell }) => cell(name))]),
  };
}

/** Dense float32 bytes over what is counted, by what that is. */
export function sizeTable({ size: { encoder, model } }: Report): Table {
  const right = 'right' as const;
  const times = (ratio: number): string => `${ratio.toFixed(1)}x`;
  const row = (title: string, key: keyof Ratios): string[] => [
    title,
    ...[encoder.f32, encoder.int8, model.f32, model.int8].map((ratios) => times(ratios[key])),
  ];
  return {
    columns: [
      { title: 'smaller than dense float32, counting' },
      { title: 'encoder, float32', align: right },
      { title: 'encoder, int8', align: right },
      { title: 'whole model, float32', align: right },
      { title: 'whole model, int8', align: right },
    ],
    rows: [
      row('values that are not zero', 'values'),
      row('and one bit a weight for their places', 'bitmap'),
      row('or 16 bits a value for their columns', 'indices'),
      ['model.safetensors with gzip', '', '', times(model.gzip), ''],
    ],
  };
}

/** An adapter's bytes beside those of its base, and what came back while it was learned. */
function adapterRows(adapter: AdapterReport, gzip: number): string[][] {
  const { bytes, bits, head, base, weights, sparsity, reported } = adapter;
  const { recovered, recoveredShare } = reported;
  return [
    ['pruned of the masked weights', `${formatPercent(sparsity)} of ${weights.toLocaleString('en')}`],
    ...(recovered === undefined || recoveredShare === undefined
      ? []
      : [
          [
            'kept weights that had been pruned before',
            `${recovered.toLocaleString('en')}, ${formatPercent(recoveredShare)} of the kept`,
          ],
        ]),
    [
      'adapter.safetensors',
      `${formatBytes(bytes)} (mask ${formatBytes(bits)}, head ${formatBytes(head)}), ${formatBytes(gzip)} with gzip`,
    ],
    ['the base beside it, in float32', formatBytes(base)],
  ];
}

/** Pruned fractions by component and by block. */
export const topologyTable = ({ components, layers }: Topology): Table => ({
  columns: [
    { title: 'masked part' },
    { title: 'weights', align: 'right' },
    { title: 'pruned', align: 'right' },
  ],
  rows: [...components, ...layers].map(({ name, weights, zeros }) => [
    name,
    weights.toLocaleString('en'),
    formatPercent(zeros / weights),
  ]),
});

const SURGERY: Readonly<Record<string, string>> = {
  droppedLayers: 'dropped layers',
  contributions: 'contribution scores of the layers, from the bottom',
};

/** What surgery took away. */
function surgeryRows({ parameters, surgery = {} }: Report): string[][] {
  const { before, total, encoder } = parameters;
  const fewer = (now: number, then: number): string => formatPercent(1 - now / then);
  const show = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(4));
  return [
    ...(before === undefined || before.total === total
      ? []
      : [
          [
            'parameters before',
            `${before.total.toLocaleString('en')}: now ${fewer(total, before.total)} fewer, in the layers ` +
              fewer(encoder, before.encoder),
          ],
        ]),
    ...Object.entries(surgery).map(([name, values]) => [SURGERY[name] ?? name, values.map(show).join(', ')]),
  ];
}

const vocabularyRows = ({ vocabulary }: Report): string[][] =>
  vocabulary === undefined
    ? []
    : [
        [
          'vocabulary',
          `${vocabulary.pieces.after.toLocaleString('en')} of ${vocabulary.pieces.before.toLocaleString('en')} pieces, ` +
            `embeddings ${formatBytes(vocabulary.bytes.after)} of ${formatBytes(vocabulary.bytes.before)}; ` +
            `${formatPercent(vocabulary.unchanged)} of ${vocabulary.devTokens.toLocaleString('en')} dev tokens unchanged` +
            (vocabulary.corpus === undefined
              ? ''
              : `; with ${vocabulary.corpus.pieces.toLocaleString('en')} of a corpus of ` +
                `${vocabulary.corpus.tokens.toLocaleString('en')} tokens`),
        ],
      ];

/** Facts about size and run, as name and value. */
export function factRows(report: Report): string[][] {
  const { sparsity, int8, adapter, parameters, structure, bytes, finalAdjustment, steps, seconds } = report;
  return [
    ['zeros in the encoder matrices', formatPercent(sparsity.encoder)],
    ['zeros in the whole model', formatPercent(sparsity.model)],
    [
      'parameters',
      `${parameters.total.toLocaleString('en')}, of which ${parameters.nonzero.toLocaleString('en')} not zero`,
    ],
    ...surgeryRows(report),
    ...vocabularyRows(report),
    ...(structure === undefined
      ? []
      : (['heads', 'neurons'] as const).map((kind) => [
          `${kind} by block`,
          `${structure[kind].join(' ')}; before ${structure.before[kind].join(' ')}`,
        ])),
    ...(int8 === undefined
      ? []
      : [
          ['weights in int8', int8.weights.toLocaleString('en')],
          [
            'of these not zero, but rounded to zero',
            `${int8.rounded.toLocaleString('en')} of ${int8.nonzero.toLocaleString('en')}`,
          ],
        ]),
    ...(adapter === undefined
      ? [['model.safetensors', `${formatBytes(bytes.denseF32)}, ${formatBytes(bytes.gzip)} with gzip`]]
      : adapterRows(adapter, bytes.gzip)),
    ...(bytes.denseInt8 === undefined
      ? []
      : [['the dense model in int8 (ONNX, post-training)', formatBytes(bytes.denseInt8)]]),
    ...(bytes.onnxInt8 === undefined ? [] : [['onnx/model_quantized.onnx', formatBytes(bytes.onnxInt8)]]),
    ...packedRows(report),
    ...(finalAdjustment === null
      ? []
      : [['final adjustment of the sparsity', formatPercent(finalAdjustment)]]),
    ['steps', `${steps} in ${formatDuration(seconds)}`],
  ];
}

/** Said wherever a pruned float32 file is shown: its size and speed are those of the dense model. */
export const DENSE_FILE_NOTE =
  'model.safetensors stores its zeros: it is as large as the dense file, and ONNX Runtime is no faster for them.';

/** Said wherever an adapter is shown. */
export const ADAPTER_NOTE =
  'The adapter needs its base, byte for byte. With the mask applied, the model is as large and as slow as the base.';

function sizeLines(report: Report): string[] {
  const size = sizeTable(report);
  const files = fileTable(report);
  return [
    ...(files ? ['## Files', '', renderMarkdownTable(files.columns, files.rows), ''] : []),
    ...(report.sparsity.encoder > 0 ? [DENSE_FILE_NOTE, ''] : []),
    '## Size',
    '',
    renderMarkdownTable(size.columns, size.rows),
    '',
    `Of all parameters ${formatPercent(report.size.model.density)} are not zero. Ratios of whole models count other ` +
      'tensors whole, embeddings among them.',
    ...smallerNote(report),
    '',
  ];
}

function adapterLines(adapter: AdapterReport): string[] {
  const { columns, rows } = topologyTable(adapter);
  return ['## Mask', '', ADAPTER_NOTE, '', renderMarkdownTable(columns, rows), ''];
}

function searchLines({ metric, heldRows, cells }: NonNullable<Report['search']>): string[] {
  const right = 'right' as const;
  const titles = [
    { title: 'schedule' },
    { title: 'rounds', align: right },
    { title: metric, align: right },
    { title: '' },
  ];
  const rows = cells.map(({ schedule, rounds, score, chosen }) => [
    schedule,
    String(rounds),
    score.toFixed(4),
    chosen ? 'chosen' : '',
  ]);
  return [
    '## Schedules',
    '',
    `Each run had the same number of steps, and its score is that on ${heldRows} examples held out of train.`,
    '',
    renderMarkdownTable(titles, rows),
    '',
  ];
}

/** Where layers are gone, dense float32 is that of what is left. */
const smallerNote = ({ parameters: { before, total } }: Report): string[] =>
  before === undefined || before.total === total
    ? []
    : [
        'The dense float32 of this table has the shapes that are left; the model before had ' +
          `${(before.total / total).toFixed(2)} times as many parameters.`,
      ];

export function renderReport(report: Report): string {
  const scores = scoreTable(report);
  const warning = adjustmentWarning(report.finalAdjustment);
  const { task, model, recipe, seed, data, settings, versions, maskHash } = report;
  return [
    `# ${recipe.name} on ${task}`,
    '',
    `Model: \`${model}\`. Seed ${seed}. Recipe: [recipe.yaml](recipe.yaml).`,
    '',
    renderMarkdownTable(scores.columns, scores.rows),
    '',
    '`majority` is the score of always guessing the commonest label or answer.',
    '',
    renderMarkdownTable([{ title: 'what' }, { title: 'value' }], factRows(report)),
    '',
    ...(warning === undefined ? [] : [warning, '']),
    ...(report.search ? searchLines(report.search) : []),
    ...(report.adapter ? adapterLines(report.adapter) : sizeLines(report)),
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
