// The runtime's tokenizer gives the ids of transformers' fast tokenizers and of the toolkit, and its offsets.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { textTokenizer, type TextTokenizer } from '../../../runtime/src/tokenizer/text-tokenizer.js';
import { gardenTask, gardenTokenizerFiles } from '../../src/data/garden/garden.js';
import { offsetEncoder } from '../../src/data/squad/offsets.js';
import { loadTokenizer } from '../../src/data/tokenizer.js';
import { dataPath, describeWithData } from '../support/data.js';

interface Case {
  text: string;
  pair?: string;
  maxLength: number;
  ids: number[];
  second: number;
}

const goldens = JSON.parse(readFileSync(new URL('../fixtures/tokenizer.json', import.meta.url), 'utf8')) as {
  bert: Case[];
  bertSettings: { config: object; cases: Case[] }[];
  roberta: Case[];
};

type Files = ReadonlyMap<string, Uint8Array>;

const bytes = (value: string | object): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

const tokenizerOf = (files: Files): TextTokenizer => textTokenizer(files)!;

function expectCases(tokenizer: TextTokenizer, cases: readonly Case[]): void {
  for (const { text, pair, maxLength, ids, second } of cases) {
    const found = tokenizer.encode(text, pair, maxLength);
    const about = `${JSON.stringify(text.slice(0, 60))} + ${JSON.stringify(pair)} at ${maxLength}`;
    expect([...(found.ids as Int32Array)], about).toEqual(ids);
    expect([...(found.typeIds as Uint8Array)], about).toEqual(
      ids.map((_, i) => (i < ids.length - second ? 0 : 1)),
    );
    const whole = tokenizer.encode(text, pair, 100_000);
    expect(found.truncated, about).toBe(found.ids.length < whole.ids.length);
    expect(whole.truncated, about).toBe(false);
  }
}

/** Ids and types of every text, alone and with the next one, whole and cut. */
function expectSame(files: Files, texts: readonly string[]): void {
  const [found, expected] = [tokenizerOf(files), loadTokenizer(files)];
  texts.forEach((text, i) => {
    for (const [pair, length] of [
      [undefined, 256],
      [texts[i + 1], 24],
    ] as const) {
      const { ids, typeIds } = found.encode(text, pair, length);
      expect({ ids, typeIds }).toEqual(expected.encode(text, pair, length));
    }
  });
}

/** Offsets of every id of every text. */
function expectSameOffsets(files: Files, texts: readonly string[]): void {
  const [found, expected] = [tokenizerOf(files), offsetEncoder(loadTokenizer(files))];
  for (const text of texts) {
    const spans = found.withOffsets(text, Infinity);
    const { ids, starts, ends } = expected(text);
    expect(spans).toEqual(Array.from(ids, (id, i) => ({ id, start: starts[i]!, end: ends[i]! })));
  }
}

const hard = [
  'Émile Zola’s naïve café, 1990s: «½ price»!',
  '  white\tspace\n everywhere  ',
  '日本語 and 中文 \u{20021} mixed',
  'ΟΔΟΣ 👩‍🔬 unaffable-ish [SEP] <s>',
  '',
];

describe('the garden', () => {
  const { train } = gardenTask('inference', 1, { train: 60, dev: 10 });
  const texts = train.flatMap(({ text, pair }) => (pair === undefined ? [text] : [text, pair]));
  const files = gardenTokenizerFiles();
  const txt = new Map([...files].filter(([name]) => name !== 'tokenizer.json'));

  it.each([
    ['tokenizer.json', files],
    ['vocab.txt', txt],
  ])('%s gives the ids and the offsets of the toolkit', (_, of) => {
    expect(texts.length).toBeGreaterThan(100);
    expectSame(of, [...texts, ...hard]);
    expectSameOffsets(of, [...texts.slice(0, 40), ...hard]);
  });
});

it('is none where no file defines one', () => {
  expect(textTokenizer(new Map([['spiece.model', bytes('x')]]))).toBeUndefined();
  expect(textTokenizer(new Map([['vocab.json', bytes('{}')]]))).toBeUndefined();
});

it.each([
  [
    'no special tokens',
    { type: 'Sequence', processors: [{ type: 'ByteLevel' }] },
    /post_processor: expected Bert/,
  ],
  [
    'a template with an unknown token',
    {
      ...{ type: 'TemplateProcessing', special_tokens: {}, pair: [] },
      single: [{ SpecialToken: { id: '[CLS]', type_id: 0 } }],
    },
    /expected parts and special tokens/,
  ],
  [
    'an id that is none',
    { type: 'BertProcessing', cls: ['[CLS]', -1], sep: ['[SEP]', 3] },
    /cls: .* found -1/,
  ],
])('refuses %s', (_, post_processor, message) => {
  const { definition } = loadTokenizer(gardenTokenizerFiles());
  const files = new Map([['tokenizer.json', bytes({ ...definition, post_processor })]]);
  expect(() => textTokenizer(files)).toThrow(message);
});

describeWithData('BERT', ['tokenizers/bert-base-uncased'], () => {
  const file = (name: string): Uint8Array => readFileSync(dataPath('tokenizers/bert-base-uncased', name));
  const json = new Map([['tokenizer.json', file('tokenizer.json')]]);
  const txt = (config: object): Files =>
    new Map([
      ['vocab.txt', file('vocab.txt')],
      ['tokenizer_config.json', bytes(config)],
    ]);

  it('tokenizer.json and vocab.txt equal the oracle', () => {
    expectCases(tokenizerOf(json), goldens.bert);
    expectCases(tokenizerOf(txt({})), goldens.bert);
  });

  it.each(goldens.bertSettings)('vocab.txt with $config equals the oracle', ({ config, cases }) => {
    expectCases(tokenizerOf(txt(config)), cases);
  });

  describeWithData('on SST-2', ['glue/SST-2'], () => {
    it('gives the ids and the offsets of the toolkit', () => {
      const lines = readFileSync(dataPath('glue/SST-2/dev.tsv'), 'utf8').trimEnd().split('\n').slice(1, 301);
      const texts = [...lines.map((line) => line.split('\t')[0]!), ...hard];
      expectSame(json, texts);
      expectSameOffsets(json, texts);
    });
  });
});

describeWithData('byte pairs', ['tokenizers/gpt2'], () => {
  const vocab = JSON.parse(readFileSync(dataPath('tokenizers/gpt2/vocab.json'), 'utf8')) as Record<
    string,
    number
  >;
  let next = Object.keys(vocab).length;
  for (const token of ['<s>', '<pad>', '</s>', '<unk>', '<mask>']) vocab[token] = next++;
  const files = new Map([
    ['vocab.json', bytes(vocab)],
    ['merges.txt', new Uint8Array(readFileSync(dataPath('tokenizers/gpt2/merges.txt')))],
  ]);

  it('equals the oracle on RoBERTa layout, and the toolkit', () => {
    expectCases(tokenizerOf(files), goldens.roberta);
    expectSame(files, hard);
    expectSameOffsets(files, hard);
  });
});
