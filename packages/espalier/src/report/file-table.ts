// The files that could be shipped, side by side: the dense model in float32 and in int8, and the packed one.
import type { ScoreName, Scores } from '../train/evaluation.js';
import { formatBytes, formatPercent } from './format.js';
import type { Table } from './markdown.js';
import type { PackedReport, Report } from './report.js';

const layersOf = ({ runtime: { layers, levels } }: PackedReport): string =>
  `${Object.keys(layers).join(', ')}; kernels ${[...new Set(Object.values(levels))].join(', ')}`;

/** Bytes and main score of each; nothing where there is no packed file. */
export function fileTable({ metrics, bytes, parameters, packed }: Report): Table | undefined {
  if (bytes.packed === undefined) return undefined;
  const names = Object.keys(metrics.packed ?? {}) as ScoreName[];
  const metric = names.find((name) => name !== 'majority' && name !== 'loss')!;
  const denseF32 = 4 * (parameters.before ?? parameters).total;
  const row = (title: string, size: number | undefined, scores: Scores | undefined): string[][] =>
    size === undefined
      ? []
      : [[title, formatBytes(size), `${(denseF32 / size).toFixed(1)}x`, scores?.[metric]?.toFixed(4) ?? '']];
  const right = 'right' as const;
  return {
    columns: [{ title: 'file' }, ...['bytes', 'smaller', metric].map((title) => ({ title, align: right }))],
    rows: [
      ...row('dense, float32', denseF32, metrics.dense),
      ...row('dense, int8 (ONNX, post-training)', bytes.denseInt8, metrics.denseInt8),
      ...row(`model.espalier (${layersOf(packed!)})`, bytes.packed, metrics.packed),
    ],
  };
}

/** What the gate said of a packed file, as name and value. */
export function packedRows({ packed }: Report): string[][] {
  if (packed === undefined) return [];
  const { kept, agreement, examples, failure } = packed;
  const alike = `${formatPercent(agreement)} of ${examples.toLocaleString('en')} dev examples decided as in float32`;
  return [
    ['model.espalier', kept ? alike : 'not kept'],
    ...(failure === undefined ? [] : [['its gate', failure]]),
  ];
}
