// Ids of long texts, and what each id of a context stands for, against the tokenizer over the whole text.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json.js';
import { textTokenizer, type TextTokenizer } from '../../src/tokenizer/text-tokenizer.js';

const PIECES =
  '[PAD] [UNK] [CLS] [SEP] [MASK] the pear ##s were sweet . [ ] sep a b ##a ##b \u4f60 ##\u597d \u597d'.split(
    ' ',
  );

const encoder = new TextEncoder();
const bytes = (value: JsonObject): Uint8Array => encoder.encode(JSON.stringify(value));

function tokenizerOf(files: Readonly<Record<string, Uint8Array>>): TextTokenizer {
  return textTokenizer(new Map(Object.entries(files)))!;
}

const wordPieces = (config: JsonObject = {}): TextTokenizer =>
  tokenizerOf({ 'vocab.txt': encoder.encode(PIECES.join('\n')), 'tokenizer_config.json': bytes(config) });

function bytePairs(addPrefixSpace: boolean): TextTokenizer {
  const pieces = [
    '<s>',
    '<pad>',
    '</s>',
    '<unk>',
    '<mask>',
    'a',
    'b',
    'ab',
    '\u0120',
    '\u0120ab',
    'e',
    '\u010a',
    '\u00c3',
    '\u00a9',
  ];
  const definition = {
    added_tokens: [{ id: 4, content: '<mask>', lstrip: true, special: true }],
    normalizer: null,
    pre_tokenizer: {
      type: 'ByteLevel',
      add_prefix_space: addPrefixSpace,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 0] },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: ['a b', '\u0120 ab'],
    },
  };
  return tokenizerOf({ 'tokenizer.json': bytes(definition) });
}

const textsOf = (...parts: string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...parts), { maxLength: 30 }).map((all) => all.join(''));
const words = textsOf(
  ...['the', 'pears', 'were', 'sweet', '.', ' ', '  ', '\n', '\t', '[SEP]', '[sep]'],
  ...['a', 'ab', '\u4f60\u597d', '\ufeff', '\u2028', '\u00e9'],
);
/** Whose bytes the vocabulary has. */
const letters = textsOf('a', 'b', 'ab', 'e', ' ', '  ', '\n', '\u00e9');

/** Ids of a context are those of the text, and their stretches stand in order within it. */
function expectWhole(tokenizer: TextTokenizer, text: string): void {
  const spans = tokenizer.withOffsets(text, Infinity);
  expect(spans.map(({ id }) => id)).toEqual(tokenizer.beginningOf(text, Infinity).ids);
  let last = 0;
  for (const { start, end } of spans) {
    expect(start).toBeGreaterThanOrEqual(last);
    expect(end).toBeLessThanOrEqual(text.length);
    last = start;
  }
}

describe('the ids of a context are those of the whole text', () => {
  it.each([
    ['word pieces', wordPieces(), words],
    ['word pieces, ideographs not set apart', wordPieces({ tokenize_chinese_chars: false }), words],
    ['byte pairs', bytePairs(false), letters],
    ['byte pairs with a space before the first', bytePairs(true), letters],
  ])('%s', (_, tokenizer, texts) => {
    fc.assert(
      fc.property(texts, (text) => {
        expectWhole(tokenizer, text);
      }),
      { numRuns: 200 },
    );
  });

  it('and each stands for its stretch', () => {
    const stretches = (tokenizer: TextTokenizer, text: string): string[] =>
      tokenizer.withOffsets(text, Infinity).map(({ start, end }) => text.slice(start, end));
    expect(stretches(wordPieces(), 'the pears[SEP]sweet')).toEqual(['the', 'pear', 's', '[SEP]', 'sweet']);
    expect(stretches(bytePairs(true), 'ab\nab e\u00e9')).toEqual([
      'ab',
      '',
      'ab',
      '',
      'e',
      '\u00e9',
      '\u00e9',
    ]);
    expect(stretches(bytePairs(false), 'ab <mask> ab')).toEqual(['ab', '<mask>', 'ab']);
  });
});

describe('a long text', () => {
  it.each([
    ['word pieces', wordPieces(), words],
    ['byte pairs', bytePairs(true), letters],
  ])('%s: has the ids of its beginning', (_, tokenizer, texts) => {
    fc.assert(
      fc.property(fc.array(texts, { maxLength: 12 }), fc.integer({ min: 3, max: 9 }), (all, length) => {
        const text = all.join(' ');
        const whole = tokenizer.encode(text, undefined, 1e6);
        const cut = tokenizer.encode(text, undefined, length);
        expect(cut.truncated).toBe(whole.ids.length > length);
        expect(Array.from(cut.ids).slice(0, -1)).toEqual(Array.from(whole.ids).slice(0, cut.ids.length - 1));
      }),
      { numRuns: 200 },
    );
  });
});
