// SQuAD's files: the official JSON and the Hub's rows say the same, and what is wrong in them is named.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadTaskData } from '../../../src/data/tasks.js';
import { EspalierError, UsageError } from '../../../src/errors.js';
import { fixture } from '../../support/golden.js';
import { temporaryFolder } from '../../support/temporary.js';

const path = temporaryFolder();
let dir = '';
let count = 0;
beforeEach(() => {
  dir = path(`case-${count++}`);
  mkdirSync(dir);
});

const write = (name: string, content: unknown): void =>
  writeFileSync(`${dir}/${name}`, typeof content === 'string' ? content : JSON.stringify(content));
const load = () => loadTaskData({ task: 'squad', dir });

const context = 'The rose is red.';
const answers = [{ text: 'rose', answer_start: 4 }];
const official = (...qas: object[]): object => ({
  version: '1.1',
  data: [{ title: 'Roses', paragraphs: [{ context, qas }] }],
});
const asked = (id: string, more: object = {}): object => ({ id, question: 'What is red?', answers, ...more });
const hub = (id: string): object => ({
  ...{ id, title: 'Roses', context, question: 'What is red?' },
  answers: { text: ['rose'], answer_start: [4] },
});

describe('reading', () => {
  it.each([
    ['train-v1.1.json', 'dev-v1.1.json'],
    ['train.json', 'dev.json'],
    ['train-v1.1-subset.json', 'dev-v1.1-subset.json'],
  ])('the official layout: %s and %s', async (train, dev) => {
    write(train, official(asked('a'), asked('b')));
    write(dev, official(asked('c', { answers: [...answers, { text: 'red', answer_start: 12 }] })));
    const data = await load();
    expect(data.task).toEqual({ name: 'squad', kind: 'span', labels: [], metrics: ['f1', 'exactMatch'] });
    const question = { id: 'a', text: 'What is red?', context, answers: [{ text: 'rose', start: 4 }] };
    expect(data.train[0]).toEqual({ text: 'What is red?', pair: context, label: 0, question });
    expect(data.dev[0]!.question!.answers.map(({ text }) => text)).toEqual(['rose', 'red']);
    expect(data.files.map(({ rows }) => rows)).toEqual([2, 1]);
    expect(data.files[0]!.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it("the Hub's rows, beside the official layout of the other split", async () => {
    write('train.jsonl', `${JSON.stringify(hub('a'))}\n${JSON.stringify(hub('b'))}\n`);
    write('validation.jsonl', `${JSON.stringify(hub('c'))}\n`);
    const rows = await load();
    dir = path(`case-${count++}`);
    mkdirSync(dir);
    write('train.json', official(asked('a'), asked('b')));
    write('dev.json', official(asked('c')));
    const { train, dev } = await load();
    expect(rows.train).toEqual(train);
    expect(rows.dev).toEqual(dev);
  });
});

it("reads the Hub's Parquet", async () => {
  copyFileSync(fixture('parquet/squad.parquet'), `${dir}/train-00000-of-00001.parquet`);
  write('dev.json', official(asked('c')));
  const { train } = await load();
  expect(train.map(({ question }) => question!.answers)).toEqual([
    [{ text: 'rose', start: 4 }],
    [
      { text: 'red', start: 14 },
      { text: 'is red', start: 11 },
    ],
  ]);
  for (const { question } of train) {
    for (const { text, start } of question!.answers) {
      const characters = Array.from(question!.context);
      expect(characters.slice(start, start + text.length).join('')).toBe(text);
    }
  }
});

describe('refusals name the file', () => {
  const cases: [string, RegExp, string | object][] = [
    ['no JSON', /dev\.json: .*expected JSON/, '{"data": ['],
    [
      'another layout',
      /dev\.json: data\.0\.paragraphs\.0\.context: .*layout of SQuAD 1\.1/,
      { data: [{ paragraphs: [{ qas: [] }] }] },
    ],
    [
      'a start that is none',
      /qas\.0\.answers\.0\.answer_start/,
      official(asked('a', { answers: [{ text: 'x', answer_start: -1 }] })),
    ],
    ['no question', /dev\.json: expected at least one question, found none/, official()],
    [
      'an id twice',
      /question a: expected an id of its own, found it twice/,
      official(asked('a'), asked('a')),
    ],
    [
      'no answer',
      /question a: expected at least one answer.*SQuAD 2\.0/,
      official(asked('a', { answers: [] })),
    ],
  ];
  it.each(cases)('%s', async (_, message, dev) => {
    write('train.json', official(asked('t')));
    write('dev.json', dev);
    const error: unknown = await load().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(EspalierError);
    expect((error as EspalierError).message).toMatch(message);
    expect((error as EspalierError).message).toContain(`${dir}/dev.json`);
  });

  it('rows whose answers are of unequal length', async () => {
    const row = { ...hub('a'), answers: { text: ['rose'], answer_start: [] } };
    write('train.jsonl', JSON.stringify(row));
    write('dev.jsonl', JSON.stringify(hub('b')));
    await expect(load()).rejects.toThrow(
      /train\.jsonl: line 1, answers: expected as many answer_start as text/,
    );
  });

  it('files that are not there, or twice, and field names', async () => {
    await expect(load()).rejects.toThrow(
      /no train-v1\.1 split for squad: looked for train-v1\.1 or train or/,
    );
    write('train.json', official(asked('t')));
    write('train-v1.1.json', official(asked('t')));
    await expect(load()).rejects.toThrow(
      /expected one file for train-v1\.1, found train-v1\.1\.json, train\.json; keep one/,
    );
    await expect(loadTaskData({ task: 'squad', dir, textField: 'q' })).rejects.toThrow(UsageError);
  });
});
