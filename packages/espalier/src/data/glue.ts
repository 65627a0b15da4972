// The nine GLUE tasks (Wang et al., "GLUE: A multi-task benchmark and analysis platform for natural language
// understanding", ICLR 2019): where the official TSV files keep text and label, what the Hub's copy calls the
// same fields, and which metrics are reported. Class order is that of the Hub's copy.
import type { Task } from './example.js';
import type { TsvLayout } from './files.js';

/** Column names of the parts of an example. */
export interface Columns {
  readonly text: string;
  readonly pair?: string;
  readonly label: string;
}

export interface GlueTask extends Task {
  /** Folder name in the official download. */
  readonly folder: string;
  /** Columns of the official TSV files, and what is unusual about those. */
  readonly tsv: Columns & TsvLayout;
  /** Fields of the Hub's data set, for JSON lines, CSV and Parquet. */
  readonly hub: Columns;
  /** Names, without extension, of the dev file: official, then Hub. */
  readonly dev: readonly string[];
  /** Further splits to report, by name, with the names of their files. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

const rows = 'atLeast';
const dev = ['dev', 'validation'];
const sentences = { text: 'sentence1', pair: 'sentence2' };
const entailment = ['entailment', 'not_entailment'];

export const glueTasks: readonly GlueTask[] = [
  {
    name: 'sst2',
    folder: 'SST-2',
    kind: 'classification',
    labels: ['negative', 'positive'],
    metrics: ['accuracy'],
    tsv: { text: 'sentence', label: 'label', rows },
    hub: { text: 'sentence', label: 'label' },
    dev,
  },
  {
    name: 'cola',
    folder: 'CoLA',
    kind: 'classification',
    labels: ['unacceptable', 'acceptable'],
    metrics: ['matthews', 'accuracy'],
    tsv: { text: 'sentence', label: 'label', header: ['source', 'label', 'mark', 'sentence'], rows },
    hub: { text: 'sentence', label: 'label' },
    dev,
  },
  {
    name: 'mrpc',
    folder: 'MRPC',
    kind: 'classification',
    labels: ['not_equivalent', 'equivalent'],
    metrics: ['accuracy', 'f1'],
    tsv: { text: '#1 String', pair: '#2 String', label: 'Quality', rows },
    hub: { ...sentences, label: 'label' },
    dev,
  },
  {
    name: 'stsb',
    folder: 'STS-B',
    kind: 'regression',
    labels: ['score'],
    metrics: ['pearson', 'spearman'],
    tsv: { ...sentences, label: 'score', rows },
    hub: { ...sentences, label: 'label' },
    dev,
  },
  {
    name: 'qqp',
    folder: 'QQP',
    kind: 'classification',
    labels: ['not_duplicate', 'duplicate'],
    metrics: ['accuracy', 'f1'],
    // A few questions of the official file hold a line break, which makes two short rows. All readers skip them.
    tsv: { text: 'question1', pair: 'question2', label: 'is_duplicate', rows: 'skipShort' },
    hub: { text: 'question1', pair: 'question2', label: 'label' },
    dev,
  },
  {
    name: 'mnli',
    folder: 'MNLI',
    kind: 'classification',
    labels: ['entailment', 'neutral', 'contradiction'],
    metrics: ['accuracy'],
    tsv: { ...sentences, label: 'gold_label', rows },
    hub: { text: 'premise', pair: 'hypothesis', label: 'label' },
    dev: ['dev_matched', 'validation_matched'],
    extra: { dev_mismatched: ['dev_mismatched', 'validation_mismatched'] },
  },
  {
    name: 'qnli',
    folder: 'QNLI',
    kind: 'classification',
    labels: entailment,
    metrics: ['accuracy'],
    tsv: { text: 'question', pair: 'sentence', label: 'label', rows },
    hub: { text: 'question', pair: 'sentence', label: 'label' },
    dev,
  },
  {
    name: 'rte',
    folder: 'RTE',
    kind: 'classification',
    labels: entailment,
    metrics: ['accuracy'],
    tsv: { ...sentences, label: 'label', rows },
    hub: { ...sentences, label: 'label' },
    dev,
  },
  {
    name: 'wnli',
    folder: 'WNLI',
    kind: 'classification',
    labels: ['not_entailment', 'entailment'],
    metrics: ['accuracy'],
    tsv: { ...sentences, label: 'label', rows },
    hub: { ...sentences, label: 'label' },
    dev,
  },
];
