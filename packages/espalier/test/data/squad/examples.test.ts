// Questions as windows of ids: offsets that give the text back, answers as positions, what does not align.
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RawExample } from '../../../src/data/example.js';
import { gardenQuestions, gardenTokenizerFiles } from '../../../src/data/garden/garden.js';
import { answerTokens, spanExamples } from '../../../src/data/squad/examples.js';
import { offsetEncoder } from '../../../src/data/squad/offsets.js';
import { loadSquad } from '../../../src/data/squad/reader.js';
import { predictAnswers } from '../../../src/data/squad/prediction.js';
import { loadTokenizer, type Tokenizer } from '../../../src/data/tokenizer.js';
import { scoreAnswers } from '../../../src/train/span-metrics.js';
import { dataPath, describeWithData } from '../../support/data.js';
import { tinyFamily } from '../../support/families.js';

const garden = loadTokenizer(gardenTokenizerFiles());
const bytePairs = loadTokenizer(tinyFamily('roberta').tokenizerFiles);

const ask = (context: string, text: string, start: number, id = 'q'): RawExample => ({
  ...{ text: 'who ?', pair: context, label: 0 },
  question: { id, text: 'who ?', context, answers: [{ text, start }] },
});

const { train } = gardenQuestions(3, { train: 60, dev: 1 });
const told: RawExample[] = train.data.flatMap(({ paragraphs }) =>
  paragraphs.flatMap(({ context, qas }) =>
    qas.map(({ id, question: text, answers }) => ({
      ...{ text, pair: context, label: 0 },
      question: {
        id,
        text,
        context,
        answers: answers.map((it) => ({ text: it.text, start: it.answer_start })),
      },
    })),
  ),
);

/** Texts that tokenizers find hard: accents, marks, white space of every kind, characters of two units. */
const texts = fc
  .array(
    fc.constantFrom(
      'a',
      'the',
      'É',
      'e\u0301',
      '.',
      ',"',
      ' ',
      '  ',
      '\n',
      '\u00a0',
      '北',
      '😀',
      'ß',
      '1867',
      '\u200b',
      "'s",
    ),
    {
      maxLength: 12,
    },
  )
  .map((parts) => parts.join(''));

describe.each<[string, Tokenizer]>([
  ['WordPiece', garden],
  ['byte pairs', bytePairs],
])('offsets of %s', (_name, tokenizer) => {
  it('belong to the ids of the whole text, in order, inside it and without white space at their ends', () => {
    const encode = offsetEncoder(tokenizer);
    fc.assert(
      fc.property(texts, (text) => {
        const { ids, starts, ends, exact } = encode(text);
        expect(exact).toBe(true);
        expect([...ids]).toEqual(tokenizer.encodeToIds(text));
        for (const token of ids.keys()) {
          const piece = text.slice(starts[token], ends[token]);
          expect(piece).toBe(piece.trim());
          expect(starts[token]).toBeGreaterThanOrEqual(starts[token - 1] ?? 0);
          expect(ends[token]).toBeLessThanOrEqual(text.length);
          expect(piece).not.toMatch(/\p{Surrogate}/u); // half a character
        }
      }),
    );
  });
});

describe('offsets', () => {
  it('are exact inside a word where pieces have its length, and of the whole word otherwise', () => {
    const encode = offsetEncoder(garden);
    const parts = (text: string): string[] => {
      const { starts, ends } = encode(text);
      return [...starts.keys()].map((token) => text.slice(starts[token], ends[token]));
    };
    expect(parts('Zq, qz')).toEqual(['Z', 'q', ',', 'q', 'z']);
    expect(parts('q\u200bz')).toEqual(['q\u200bz', 'q\u200bz']);
    expect(parts('北q')).toEqual(['北', 'q']); // unknown, but alone between the marks
  });

  it('of bytes keep characters whole and leave the space before a word out', () => {
    const text = 'the pears  é';
    const { starts, ends } = offsetEncoder(bytePairs)(text);
    const parts = [...starts.keys()].map((token) => text.slice(starts[token], ends[token]));
    expect(parts.filter((part) => part !== '').slice(0, 2)).toEqual(['the', 'pears']);
    expect(parts.slice(2).every((part) => part === '' || part === 'é')).toBe(true);
  });
});

describe('spanExamples', () => {
  it.each(['advance', 'overlap'] as const)(
    'show every token, and the whole answer in some window: %s',
    (stride) => {
      const { examples, misplaced, inexact } = spanExamples(
        garden,
        told,
        { maxLength: 40, docStride: 9, stride },
        { trained: true },
      );
      expect([misplaced, inexact]).toEqual([[], 0]);
      expect(examples.map(({ index }) => index)).toEqual([...examples.keys()]);
      const seen = new Map<string, { tokens: Set<number>; answered: boolean }>();
      for (const { ids, typeIds, window } of examples) {
        const { question, tokens, first, count, at, start, end } = window!;
        expect(ids.length).toBeLessThanOrEqual(40);
        expect([...ids.slice(at, at + count)]).toEqual([...tokens.ids.slice(first, first + count)]);
        expect([ids[0], ids[at - 1], ids.at(-1)]).toEqual([garden.clsId, garden.sepId, garden.sepId]);
        expect([...typeIds].indexOf(1)).toBe(at);
        const known = seen.get(question.id) ?? { tokens: new Set(), answered: false };
        for (let token = first; token < first + count; token++) known.tokens.add(token);
        if (start > 0) {
          known.answered = true;
          const text = question.context.slice(
            tokens.starts[first + start - at],
            tokens.ends[first + end - at],
          );
          expect(text).toBe(question.answers[0]!.text);
        } else expect([start, end]).toEqual([0, 0]);
        seen.set(question.id, known);
      }
      for (const { question } of told) {
        const { answered, tokens } = seen.get(question!.id)!;
        expect(answered).toBe(true);
        expect(tokens.size).toBe(offsetEncoder(garden)(question!.context).ids.length);
      }
    },
  );

  it('count code points as SQuAD does: a character of two units stands before the answer', () => {
    const context = '😀😀 the rose, a rose';
    const { examples } = spanExamples(
      garden,
      [ask(context, 'rose', 15)],
      { maxLength: 40 },
      { trained: true },
    );
    const { tokens, first, start, at } = examples[0]!.window!;
    expect(tokens.starts[first + start - at]).toBe(context.lastIndexOf('rose'));
  });

  it('take the fewest tokens that hold the answer', () => {
    const context = 'in (1867), Rose';
    const tokens = offsetEncoder(garden)(context);
    const span = answerTokens(ask(context, '67', 6).question!, tokens)!;
    expect(context.slice(tokens.starts[span.first], tokens.ends[span.last])).toBe('67');
  });

  it('leave questions out of training whose answer is not where it is said to be, and name them', () => {
    const context = 'the rose is red';
    const asked = [
      ask(context, 'rose', 4, 'good'),
      ask(context, 'rose', 5, 'off'),
      ask(context, 'red', 99, 'outside'),
    ];
    const trained = spanExamples(garden, asked, { maxLength: 40 }, { trained: true });
    expect(trained.examples.map(({ window }) => window!.question.id)).toEqual(['good']);
    expect(trained.misplaced).toEqual(['off', 'outside']);
    const scored = spanExamples(garden, asked, { maxLength: 40 }, { trained: false });
    expect(scored.examples).toHaveLength(3);
    expect(scored.examples[2]!.window).toMatchObject({ start: 0, end: 0 });
  });

  it('cut a question to a third of a short input', () => {
    const long = { ...ask('the rose', 'rose', 4) };
    const question = { ...long.question!, text: 'who '.repeat(100) };
    const at = (maxLength: number): number =>
      spanExamples(garden, [{ ...long, question }], { maxLength }, { trained: true }).examples[0]!.window!.at;
    expect([at(30), at(384)]).toEqual([12, 66]);
  });
});

describe('predictAnswers', () => {
  const whole = loadTokenizer(tinyFamily('distilbert').tokenizerFiles); // every word is one token
  const context = 'the pears were very sweet not';
  const windows = (docStride: number) =>
    spanExamples(whole, [ask(context, 'pears', 4)], { maxLength: 9, docStride }, { trained: false }).examples;

  /** Logits of a window: `starts` and `ends` by word, zero elsewhere. */
  function logits(
    example: ReturnType<typeof windows>[number],
    starts: Record<string, number>,
    ends: Record<string, number>,
  ): Float32Array {
    const { window, ids } = example;
    const values = new Float32Array(2 * ids.length);
    for (let i = 0; i < window!.count; i++) {
      const token = window!.first + i;
      const word = context.slice(window!.tokens.starts[token], window!.tokens.ends[token]);
      values[window!.at + i] = starts[word] ?? 0;
      values[ids.length + window!.at + i] = ends[word] ?? 0;
    }
    return values;
  }

  it('pools the windows of a question, takes pairs in order only, and cuts the text by offsets', () => {
    const examples = windows(2);
    expect(examples.length).toBeGreaterThan(1);
    const rows = examples.map((example) => logits(example, { were: 5, not: 8 }, { pears: 8, very: 4 }));
    const { predictions } = predictAnswers(examples, rows);
    // not starts best, but nothing good ends there; pears ends best, but before were.
    expect(predictions).toHaveLength(1);
    expect(predictions[0]).toMatchObject({ text: 'were very', score: 9, start: 10, end: 19 });
  });

  it('lets an answer begin only in the window that shows its first token best', () => {
    const examples = windows(1);
    const rows = examples.map(({ ids, window }, index) => {
      const values = new Float32Array(2 * ids.length);
      // The first window is loud about its last token, which a later one shows with more context.
      if (index === 0) values[window!.at + window!.count - 1] = 99;
      return values;
    });
    const last = examples[0]!.window!;
    const token = last.first + last.count - 1;
    const { text, score } = predictAnswers(examples, rows).predictions[0]!;
    expect(score).toBe(0);
    expect(text).not.toBe(context.slice(last.tokens.starts[token], last.tokens.ends[token]));
  });

  it('has no answer where special tokens are all that is likely', () => {
    const asked = ask(context, 'pears', 4);
    const question = { ...asked.question!, text: 'who '.repeat(30) };
    const { examples } = spanExamples(whole, [{ ...asked, question }], { maxLength: 60 }, { trained: false });
    const rows = examples.map(({ ids, window }) =>
      Float32Array.from({ length: 2 * ids.length }, (_, i) => (i % ids.length < window!.at ? 1 : 0)),
    );
    expect(predictAnswers(examples, rows).predictions[0]).toMatchObject({ text: '', score: -Infinity });
  });
});

const paths = [
  'squad/train-v1.1-subset.json',
  'squad/dev-v1.1-subset.json',
  'tokenizers/bert-base-uncased/vocab.txt',
];
describeWithData('the SQuAD subset', paths, () => {
  it('aligns with BERT’s tokens: ids of the whole texts, every answer in its place, gold answers score 1', async () => {
    const { dev, train: all } = await loadSquad(dataPath('squad'));
    expect([all.length, dev.length]).toEqual([7617, 2424]);
    const files = new Map([['vocab.txt', new Uint8Array(readFileSync(dataPath(paths[2]!)))]]);
    const options = { maxLength: 384 };
    const bert = loadTokenizer(files, 'bert');
    const part = spanExamples(bert, all.slice(0, 800), options, { trained: true });
    const made = spanExamples(bert, dev, options, { trained: false });
    for (const { inexact, misplaced } of [part, made]) expect([inexact, misplaced]).toEqual([0, []]);
    expect(made.contexts).toBe(521);
    expect(made.examples).toHaveLength(2474);
    const answered = made.examples.filter(({ window }) => window!.start > 0);
    const texts = answered.map(({ window }) => {
      const { question, tokens, first, at, start, end } = window!;
      return question.context.slice(tokens.starts[first + start - at], tokens.ends[first + end - at]);
    });
    const questions = answered.map(({ window }) => window!.question);
    // One answer ends inside a token.
    expect(scoreAnswers(questions, texts).exactMatch).toBeCloseTo(1 - 1 / answered.length, 12);
    const gold = dev.map(({ question }) => question!);
    expect(
      scoreAnswers(
        gold,
        gold.map(({ answers }) => answers[0]!.text),
      ),
    ).toEqual({ f1: 1, exactMatch: 1 });
  });
});
