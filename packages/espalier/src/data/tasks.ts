// Every task that fine-tuning knows, in one list, and its examples from a folder: the nine of GLUE in their
// official or Hub layout, SQuAD, and `classify`, `regress` and `pairs` for files of one's own.
import { join } from 'node:path';
import { EspalierError, FormatError, UsageError } from '../errors.js';
import type { MetricName, RawExample, Task, TaskData } from './example.js';
import { type Columns, type GlueTask, glueTasks } from './glue.js';
import { labelText, readExampleTable, shown, toExamples } from './raw-examples.js';
import { folderOf, locate } from './split-files.js';
import { loadSquad, squadTask } from './squad/reader.js';
import type { Table } from './table.js';

/** A task over the user's own files; its labels are in the data or given. */
export interface OwnTask {
  readonly name: string;
  readonly kind: Task['kind'];
  readonly metrics: readonly MetricName[];
  /** Default column names. */
  readonly columns: Columns;
}

const ownTasks: readonly OwnTask[] = [
  {
    name: 'classify',
    kind: 'classification',
    metrics: ['accuracy'],
    columns: { text: 'text', label: 'label' },
  },
  {
    name: 'regress',
    kind: 'regression',
    metrics: ['pearson', 'spearman'],
    columns: { text: 'text', label: 'label' },
  },
  {
    name: 'pairs',
    kind: 'classification',
    metrics: ['accuracy'],
    columns: { text: 'text', pair: 'pair', label: 'label' },
  },
];

/** All tasks by name. */
export const tasks: readonly (GlueTask | OwnTask | typeof squadTask)[] = [
  ...glueTasks,
  squadTask,
  ...ownTasks,
];

export interface TaskDataOptions {
  /** One of `tasks`. */
  readonly task: string;
  /** The task's folder, or a root that holds it under its official name. */
  readonly dir: string;
  /** Column names and class names, for `classify`, `regress` and `pairs`. */
  readonly textField?: string | undefined;
  readonly pairField?: string | undefined;
  readonly labelField?: string | undefined;
  readonly labels?: readonly string[] | undefined;
}

/** A task's data, with further splits to report by name (MNLI's mismatched dev set). */
export type LoadedTask = TaskData & {
  readonly extraSplits?: Readonly<Record<string, readonly RawExample[]>>;
};

/** How the tables of one task are read. */
type Reader = (path: string) => Promise<Table>;

async function readSplit(paths: readonly string[], read: Reader): Promise<Table[]> {
  const tables: Table[] = [];
  for (const path of paths) tables.push(await read(path));
  if (tables.every((table) => table.rows.length === 0)) {
    throw new FormatError(paths.join(', '), 'expected at least one example, found none');
  }
  return tables;
}

const filesRead = (tables: readonly Table[]): TaskData['files'] =>
  tables.map(({ path, sha256, rows }) => ({ path, sha256, rows: rows.length }));

async function loadGlue(task: GlueTask, dir: string): Promise<LoadedTask> {
  const { name, kind, labels, metrics, folder } = task;
  const plain: Task = { name, kind, labels, metrics };
  const home = await folderOf([dir, join(dir, folder), join(dir, name)], { task: name, stems: ['train'] });
  const columns = (path: string): Columns => (path.endsWith('.tsv') ? task.tsv : task.hub);
  const read: Reader = (path) => readExampleTable(path, columns(path), task.tsv);
  const examples = (tables: readonly Table[]): RawExample[] =>
    tables.flatMap((table) => toExamples(table, columns(table.path), plain, 'byIndex'));

  const files = (stems: readonly string[]): Promise<string[]> => locate(home, { task: name, stems });
  const train = await readSplit(await files(['train']), read);
  const dev = await readSplit(await files(task.dev), read);
  const extra: [string, Table[]][] = [];
  for (const [split, stems] of Object.entries(task.extra ?? {})) {
    extra.push([split, await readSplit(await files(stems), read)]);
  }
  const data = {
    task: plain,
    train: examples(train),
    dev: examples(dev),
    files: filesRead([...train, ...dev, ...extra.flatMap(([, tables]) => tables)]),
  };
  if (extra.length === 0) return data;
  return {
    ...data,
    extraSplits: Object.fromEntries(extra.map(([split, tables]) => [split, examples(tables)])),
  };
}

/** Class names of `tables` in sorted order: numbers by value, else by code unit. */
function labelsOf(tables: readonly Table[]): string[] {
  const names = new Set(tables.flatMap(({ rows }) => rows.flatMap(({ cells }) => labelText(cells[1]) ?? [])));
  const numeric = [...names].every((label) => Number.isFinite(Number(label)));
  return numeric ? [...names].sort((a, b) => Number(a) - Number(b)) : [...names].sort();
}

/** Throws FormatError for the first row without a label: it would be missed only where there are other names. */
function checkLabelled({ path, rows }: Table, column: string): void {
  const without = rows.filter(({ cells }) => labelText(cells[1]) === undefined);
  const [first] = without;
  if (!first) return;
  throw new FormatError(
    path,
    `${first.at}: expected a label in "${column}", found ${shown(first.cells[1])} (rows without a label: ` +
      `${without.length}); fill them in or leave the rows out`,
  );
}

function classNames(
  task: OwnTask,
  train: readonly Table[],
  column: string,
  given: readonly string[] | undefined,
): readonly string[] {
  if (task.kind === 'regression') return ['score'];
  for (const table of train) checkLabelled(table, column);
  const labels = given ?? labelsOf(train);
  if (labels.length >= 2 && new Set(labels).size === labels.length) return labels;
  throw new EspalierError(
    `${task.name}: expected at least two different labels, found ${labels.join(', ') || 'none'}` +
      (given ? '' : ` in ${train.map(({ path }) => path).join(', ')}`),
  );
}

async function loadOwn(task: OwnTask, options: TaskDataOptions): Promise<LoadedTask> {
  const pair = options.pairField ?? task.columns.pair;
  const columns: Columns = {
    text: options.textField ?? task.columns.text,
    label: options.labelField ?? task.columns.label,
    ...(pair !== undefined && { pair }),
  };
  const read: Reader = (path) => readExampleTable(path, columns);
  const files = (stems: readonly string[]): Promise<string[]> =>
    locate(options.dir, { task: task.name, stems });
  const train = await readSplit(await files(['train']), read);
  const dev = await readSplit(await files(['dev', 'validation']), read);
  const { name, kind, metrics } = task;
  const plain: Task = { name, kind, labels: classNames(task, train, columns.label, options.labels), metrics };
  const examples = (tables: readonly Table[]): RawExample[] =>
    tables.flatMap((table) => toExamples(table, columns, plain, 'byName'));
  return { task: plain, train: examples(train), dev: examples(dev), files: filesRead([...train, ...dev]) };
}

/**
 * Train and dev examples of a task. GLUE tasks and SQuAD are found in `dir` itself or in its folder of the official or
 * the Hub's name; own tasks are train.* and dev.* or validation.* (tsv with a header, csv, jsonl, parquet).
 *
 * Throws UsageError for an unknown task or options that it does not take, EspalierError for files that are not
 * there, FormatError for what they hold.
 */
export async function loadTaskData(options: TaskDataOptions): Promise<LoadedTask> {
  const task = tasks.find(({ name }) => name === options.task);
  if (!task) {
    throw new UsageError(
      `unknown task ${options.task}; expected one of ${tasks.map(({ name }) => name).join(', ')}`,
    );
  }
  if ('columns' in task) return loadOwn(task, options);
  if (options.textField ?? options.pairField ?? options.labelField ?? options.labels) {
    throw new UsageError(
      `${task.name} has fields and labels of its own; name them for ${ownTasks.map(({ name }) => name).join(', ')} only`,
    );
  }
  return task.kind === 'span' ? loadSquad(options.dir) : loadGlue(task, options.dir);
}
