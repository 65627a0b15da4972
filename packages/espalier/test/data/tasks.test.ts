// Tasks from folders: official GLUE layouts, the Hub's fields, own files, and every refusal.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { glueTasks } from '../../src/data/glue.js';
import { loadRawExamples } from '../../src/data/raw-examples.js';
import { loadTaskData, tasks } from '../../src/data/tasks.js';
import { EspalierError, UsageError } from '../../src/errors.js';
import { dataPath, describeWithData } from '../support/data.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'espalier-tasks-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function write(files: Record<string, string>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), content);
  }
}

const jsonl = (...rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Header and one row of each official file: text "A", pair "B", and the label's cell. */
const official: Record<string, { header: string; row: string; label: string; index: number; dev?: string }> =
  {
    sst2: { header: 'sentence\tlabel', row: 'A\t#', label: '1', index: 1 },
    cola: { header: '', row: 'gj04\t#\t*\tA', label: '0', index: 0 },
    mrpc: {
      header: '\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String',
      row: '#\t1\t2\tA\tB',
      label: '1',
      index: 1,
    },
    stsb: {
      header: 'index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2\tscore',
      row: '0\tg\tf\ty\t1\tn\tn\tA\tB\t#',
      label: '4.750',
      index: 4.75,
    },
    qqp: {
      header: 'id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate',
      row: '1\t2\t3\tA\tB\t#\n1\t2\t3',
      label: '0',
      index: 0,
    },
    mnli: {
      header:
        'index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse\tsentence1\tsentence2\tlabel1\tgold_label',
      row: '0\t1\t2\tg\tp\tp\tp\tp\tA\tB\tneutral\t#',
      label: 'contradiction',
      index: 2,
      dev: 'dev_matched',
    },
    qnli: {
      header: 'index\tquestion\tsentence\tlabel',
      row: '0\tA\tB\t#',
      label: 'not_entailment',
      index: 1,
    },
    rte: { header: 'index\tsentence1\tsentence2\tlabel', row: '0\tA\tB\t#', label: 'entailment', index: 0 },
    wnli: { header: 'index\tsentence1\tsentence2\tlabel', row: '0\tA\tB\t#', label: '1', index: 1 },
  };

describe('the list of tasks', () => {
  it('has the names of the command line', () => {
    expect(tasks.map(({ name }) => name)).toEqual([
      ...['sst2', 'cola', 'mrpc', 'stsb', 'qqp', 'mnli', 'qnli', 'rte', 'wnli', 'squad'],
      ...['classify', 'regress', 'pairs'],
    ]);
  });

  it.each(glueTasks)('$name in its official layout, by folder and by root', async (task) => {
    const { header, row, label, index, dev = 'dev' } = official[task.name]!;
    const content = `${header === '' ? '' : `${header}\n`}${row.replace('#', label).replace('\t#', `\t${label}`)}\n`;
    const names = ['train', dev, ...Object.keys(task.extra ?? {})];
    await write(Object.fromEntries(names.map((name) => [`${task.folder}/${name}.tsv`, content])));
    const example = { text: 'A', label: index, ...(task.hub.pair !== undefined && { pair: 'B' }) };
    for (const from of [dir, join(dir, task.folder)]) {
      const data = await loadTaskData({ task: task.name, dir: from });
      expect(data).toMatchObject({ train: [example], dev: [example] });
      expect(data.train[0]).toEqual(example);
      expect(data.task).toEqual({
        name: task.name,
        kind: task.kind,
        labels: task.labels,
        metrics: task.metrics,
      });
      expect(data.files.map((file) => file.rows)).toEqual(names.map(() => 1));
      expect(Object.keys(data.extraSplits ?? {})).toEqual(Object.keys(task.extra ?? {}));
    }
  });

  it.each(glueTasks)("$name with the Hub's fields, labels by index and by name", async (task) => {
    const fields = { [task.hub.text]: 'A', ...(task.hub.pair !== undefined && { [task.hub.pair]: 'B' }) };
    const last = task.labels.length - 1;
    const byIndex = jsonl({ ...fields, label: task.kind === 'regression' ? 2.5 : last });
    const byName = jsonl({ ...fields, label: task.kind === 'regression' ? '2.5' : task.labels[last] });
    const extra = Object.values(task.extra ?? {}).map((stems) => [`${task.name}/${stems[1]}.jsonl`, byIndex]);
    await write({
      [`${task.name}/train.jsonl`]: byIndex,
      [`${task.name}/${task.dev[1]}.jsonl`]: byName,
      ...Object.fromEntries(extra),
    });
    const { train, dev } = await loadTaskData({ task: task.name, dir });
    expect(dev).toEqual(train);
    expect(train[0]!.label).toBe(task.kind === 'regression' ? 2.5 : last);
  });
});

describe('own files', () => {
  const own = { task: 'classify', dir: '' };
  beforeEach(() => {
    own.dir = dir;
  });

  it('takes the labels from train, in sorted order', async () => {
    await write({
      'train.csv': 'text,label\na,pear\nb,Apple\nc,fig\n',
      'validation.tsv': 'label\ttext\nfig\td\n',
    });
    const data = await loadTaskData(own);
    expect(data.task.labels).toEqual(['Apple', 'fig', 'pear']);
    expect(data.train.map(({ label }) => label)).toEqual([2, 0, 1]);
    expect(data.dev).toEqual([{ text: 'd', label: 1 }]);
  });

  it('sorts numbers by value and never takes them for positions', async () => {
    await write({
      'train.jsonl': jsonl({ text: 'a', label: 10 }, { text: 'b', label: 9 }),
      'dev.csv': 'text,label\na,10\n',
    });
    const data = await loadTaskData(own);
    expect([data.task.labels, data.dev[0]!.label]).toEqual([['9', '10'], 1]);
    await write({ 'dev.csv': 'text,label\na,0\n' });
    await expect(loadTaskData(own)).rejects.toThrow('dev.csv: line 2: label 0 is not one of classify: 9, 10');
  });

  it('takes given labels in their order, and other field names', async () => {
    const rows = jsonl({ q: 'a', r: 'b', y: true });
    await write({ 'train.jsonl': rows, 'dev.jsonl': rows });
    const fields = { textField: 'q', pairField: 'r', labelField: 'y', labels: ['true', 'false'] };
    const data = await loadTaskData({ ...own, task: 'pairs', ...fields });
    expect(data.train).toEqual([{ text: 'a', pair: 'b', label: 0 }]);
  });

  it('regress reads numbers', async () => {
    await write({ 'train.tsv': 'text\tlabel\na\t-1.5e1\n', 'dev.tsv': 'text\tlabel\na\thigh\n' });
    const regress = { ...own, task: 'regress' };
    await expect(loadTaskData(regress)).rejects.toThrow(
      'dev.tsv: line 2: expected a number in "label", found high',
    );
    await write({ 'dev.tsv': 'text\tlabel\na\t \n' });
    await expect(loadTaskData(regress)).rejects.toThrow('expected a number in "label"');
    await write({ 'dev.tsv': 'text\tlabel\na\t0\n' });
    expect((await loadTaskData(regress)).train).toEqual([{ text: 'a', label: -15 }]);
  });

  it('joins the shards of a split, and misses an absent one', async () => {
    const row = (label: string) => jsonl({ text: label, label });
    await write({ 'train-00001-of-00002.jsonl': row('b'), 'dev.jsonl': row('a') });
    await expect(loadTaskData(own)).rejects.toThrow(
      'expected 2 files for train, found train-00001-of-00002.jsonl',
    );
    await write({ 'train-00000-of-00002.jsonl': row('a') });
    const data = await loadTaskData(own);
    expect(data.train.map(({ text }) => text)).toEqual(['a', 'b']);
    expect(data.files).toHaveLength(3);
  });

  it('loadRawExamples reads one file', async () => {
    await write({ 'x.csv': 'q,y\na,no\n' });
    const task = {
      name: 'mine',
      kind: 'classification',
      labels: ['yes', 'no'],
      metrics: ['accuracy'],
    } as const;
    const examples = await loadRawExamples(join(dir, 'x.csv'), { columns: { text: 'q', label: 'y' }, task });
    expect(examples).toEqual([{ text: 'a', label: 1 }]);
  });
});

describe('refusals', () => {
  const header = 'sentence\tlabel\n';
  const load = () => loadTaskData({ task: 'sst2', dir });

  it.each<[string, Record<string, string>, string]>([
    ['a short row', { 'train.tsv': `${header}a\t1\nb\n` }, 'train.tsv: line 3: expected 2 columns, found 1'],
    [
      'an unknown label',
      { 'train.tsv': `${header}a\t2\n` },
      'train.tsv: line 2: label 2 is not one of sst2: negative, positive',
    ],
    ['an empty label', { 'train.tsv': `${header}a\t\n` }, 'line 2: label an empty cell is not one of'],
    ['an empty train split', { 'train.tsv': header }, 'train.tsv: expected at least one example, found none'],
    ['an empty dev split', { 'dev.tsv': header }, 'dev.tsv: expected at least one example, found none'],
    [
      'two candidates',
      { 'dev.csv': 'sentence,label\n' },
      'expected one file for dev, found dev.csv, dev.tsv',
    ],
    ['an empty file', { 'train.tsv': '' }, 'expected a column "sentence", found an empty file'],
  ])('%s', async (_, files, message) => {
    await write({ 'train.tsv': `${header}a\t1\n`, 'dev.tsv': `${header}a\t1\n`, ...files });
    await expect(load()).rejects.toThrow(EspalierError);
    await expect(load()).rejects.toThrow(message);
  });

  it('no train, no dev: names what was looked for', async () => {
    await expect(load()).rejects.toThrow(
      `no train split for sst2: looked for train.(tsv|jsonl|csv|parquet) in ${dir}, ${join(dir, 'SST-2')}, ${join(dir, 'sst2')}`,
    );
    await write({ 'SST-2/train.tsv': `${header}a\t1\n` });
    await expect(load()).rejects.toThrow(
      `no dev split for sst2: looked for dev or validation.(tsv|jsonl|csv|parquet) in ${join(dir, 'SST-2')}`,
    );
  });

  it('a text that is none', async () => {
    await write({ 'train.jsonl': jsonl({ sentence: null, label: 1 }), 'dev.tsv': `${header}a\t1\n` });
    await expect(load()).rejects.toThrow('train.jsonl: line 1: expected text in "sentence", found null');
  });

  it('one label only', async () => {
    await write({ 'train.csv': 'text,label\na,x\n', 'dev.csv': 'text,label\na,x\n' });
    await expect(loadTaskData({ task: 'classify', dir })).rejects.toThrow(
      'expected at least two different labels, found x in',
    );
  });

  it('rows without a label, before labels that are too few', async () => {
    await write({ 'train.csv': 'text,y\na,\nb,b\nc,\n', 'dev.csv': 'text,y\na,b\n' });
    await expect(loadTaskData({ task: 'classify', dir, labelField: 'y' })).rejects.toThrow(
      /train\.csv: line 2: expected a label in "y", found an empty cell \(rows without a label: 2\); fill/,
    );
  });

  it('wrong requests', async () => {
    await expect(loadTaskData({ task: 'sst3', dir })).rejects.toThrow(UsageError);
    await expect(loadTaskData({ task: 'sst3', dir })).rejects.toThrow(
      'unknown task sst3; expected one of sst2, cola',
    );
    await expect(loadTaskData({ task: 'sst2', dir, textField: 'x' })).rejects.toThrow(UsageError);
  });
});

describeWithData('the real GLUE', ['glue/SST-2', 'glue/CoLA', 'glue/MRPC', 'glue/STS-B'], () => {
  it.each([
    // Rows as published; the shares of the second class are the papers' majority baselines.
    ['sst2', 67349, 872, 444],
    ['cola', 8551, 1043, 721],
    ['mrpc', 3668, 408, 279],
    ['stsb', 5749, 1500, undefined],
  ])('%s', async (task, trainRows, devRows, positives) => {
    const data = await loadTaskData({ task, dir: dataPath('glue') });
    expect([data.train.length, data.dev.length]).toEqual([trainRows, devRows]);
    expect(data.files.map(({ rows }) => rows)).toEqual([trainRows, devRows]);
    if (positives !== undefined) expect(data.dev.filter(({ label }) => label === 1)).toHaveLength(positives);
    else expect(data.dev.every(({ label }) => label >= 0 && label <= 5)).toBe(true);
  });
});
