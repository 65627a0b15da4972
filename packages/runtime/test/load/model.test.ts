// What a loaded model answers, from text and from ids, and what is told of it.
import { describe, expect, it } from 'vitest';
import { toF32 } from '../../src/format/index.js';
import { load, type Model, type Tokens } from '../../src/index.js';
import { PIECES, tinyModelPack, tinySpanPack } from '../support/packed-model.js';

const id = (piece: string): number => PIECES.indexOf(piece);
const ids = (...pieces: string[]): number[] => ['[CLS]', ...pieces, '[SEP]'].map(id);
const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

const model = await load(tinyModelPack());
const spanModel = await load(tinySpanPack());

describe('classify', () => {
  it('gives label, probability and logits, as of the ids', async () => {
    const found = await model.classify('The pears were sweet.');
    const tokens: Tokens = { ids: ids('the', 'pear', '##s', 'were', 'sweet', '.') };
    const [expected] = await model.classifyIds([tokens]);
    expect(found).toEqual({ ...expected, truncated: false });
    expect(sum(found.scores)).toBeCloseTo(1, 6);
    const powers = Array.from(found.logits, Math.exp);
    found.scores.forEach((score, i) => expect(score).toBeCloseTo(powers[i]! / sum(powers), 6));
    expect(found.score).toBe(Math.max(...found.scores));
    expect(found.label).toBe(['sour', 'sweet', 'none'][found.scores.indexOf(found.score)]);
  });

  it('takes a list, and gives what each gives alone', async () => {
    const texts = ['sweet', 'the pears were sweet .', 'were', ''];
    const together = await model.classify(texts);
    for (const [i, text] of texts.entries()) expect(together[i]).toEqual(await model.classify(text));
    expect(await model.classify([])).toEqual([]);
  });

  it('takes pairs, with types', async () => {
    const found = await model.classify({ text: 'the pear', pair: 'sweet' });
    const tokens = { ids: [...ids('the', 'pear'), id('sweet'), id('[SEP]')], typeIds: [0, 0, 0, 0, 1, 1] };
    expect([found]).toEqual((await model.classifyIds([tokens])).map((of) => ({ ...of, truncated: false })));
    expect(found.logits).not.toEqual((await model.classifyIds([{ ids: tokens.ids }]))[0]!.logits);
  });

  it('cuts what is too long, a pair longest first, and says so', async () => {
    const long = 'sweet '.repeat(40);
    const whole = await model.classify('sweet '.repeat(14));
    expect(whole.truncated).toBe(false);
    const { truncated, logits } = await model.classify(long);
    expect({ truncated, logits }).toEqual({ truncated: true, logits: whole.logits });
    const pair = await model.classify({ text: 'the', pair: long });
    expect(pair.truncated).toBe(true);
    expect(pair.logits).toEqual((await model.classify({ text: 'the', pair: 'sweet '.repeat(12) })).logits);
  });

  it('cuts at the largest length that was asked for', async () => {
    const short = await load(tinyModelPack(), { largest: { length: 6 } });
    expect((await short.classify('the pears were sweet .')).truncated).toBe(true);
    expect((await short.classify('pears were .')).truncated).toBe(false);
  });

  it('gives the value of a regression', async () => {
    const regression = await load(
      tinyModelPack({
        task: { name: 'stsb', kind: 'regression', labels: [] },
        shapes: { 'classifier.weight': [1, 8], 'classifier.bias': [1] },
      }),
    );
    const { label, score, scores, logits } = await regression.classify('sweet');
    expect({ label, score, scores }).toEqual({ label: 'score', score: logits[0], scores: [logits[0]] });
  });

  it('asks every label by itself where several may hold', async () => {
    const many = await load(tinyModelPack({ config: { problem_type: 'multi_label_classification' } }));
    const { scores, logits } = await many.classify('sweet');
    scores.forEach((score, i) => expect(score).toBeCloseTo(1 / (1 + Math.exp(-logits[i]!)), 6));
  });
});

describe('embed', () => {
  it('is the mean of the states or the first one, and of length 1 where that is asked', async () => {
    const text = 'the pears were sweet';
    const mean = await model.embed(text);
    const cls = await model.embed(text, { pooling: 'cls' });
    expect(mean.vector).toHaveLength(8);
    expect(cls.vector).not.toEqual(mean.vector);
    const { vector, truncated } = await model.embed(text, { normalise: true });
    expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    expect(truncated).toBe(false);
    const length = Math.hypot(...mean.vector);
    vector.forEach((value, i) => expect(value * length).toBeCloseTo(mean.vector[i]!, 5));
    const [byIds] = await model.embedIds([{ ids: ids('the', 'pear', '##s', 'were', 'sweet') }]);
    expect(byIds).toEqual(mean.vector);
    expect((await model.embed([text, 'x'])).map((one) => one.vector)[0]).toEqual(mean.vector);
  });
});

describe('answer', () => {
  const question = 'were the pears sweet';
  const context = '  The  pears were sweet.';

  it('is the likeliest stretch of the context, by brute force', async () => {
    const found = await spanModel.answer({ question, context });
    const asked = ids('were', 'the', 'pear', '##s', 'sweet');
    const pieces = ['the', 'pear', '##s', 'were', 'sweet', '.'];
    const typeIds = [...asked.map(() => 0), ...pieces.map(() => 1), 1];
    // The question is cut to a third of the 16 positions, which is 5 tokens: all of it.
    const [logits] = await spanModel.spanIds([{ ids: [...asked, ...pieces.map(id), id('[SEP]')], typeIds }]);
    const places = [
      [2, 5],
      [7, 11],
      [11, 12],
      [13, 17],
      [18, 23],
      [23, 24],
    ] as const;
    let best = { sum: -Infinity, start: 0, end: 0 };
    places.forEach(([start], first) => {
      places.slice(first).forEach(([, end], more) => {
        const total = logits!.start[asked.length + first]! + logits!.end[asked.length + first + more]!;
        if (total > best.sum) best = { sum: total, start, end };
      });
    });
    const { text, start, end, truncated } = found;
    expect({ start, end }).toEqual({ start: best.start, end: best.end });
    expect(text).toBe(context.slice(start, end));
    expect(truncated).toBe(false);
    expect(found.score).toBeGreaterThan(0);
    expect(found.score).toBeLessThan(1);
  });

  it('cuts context and question, and says so', async () => {
    const long = await spanModel.answer({ question, context: 'sweet '.repeat(9) });
    expect(long.truncated).toBe(true);
    expect(long.end).toBeLessThanOrEqual(6 * 8);
    expect((await spanModel.answer({ question: 'the '.repeat(6), context: 'sweet' })).truncated).toBe(true);
  });

  it('of an empty context is empty', async () => {
    const empty = { text: '', start: 0, end: 0, score: 0, truncated: false };
    expect(await spanModel.answer([{ question, context: ' ' }])).toEqual([empty]);
  });
});

describe('what is told of a model', () => {
  it('task, labels, sizes, bytes and levels', async () => {
    const bytes = tinyModelPack();
    const { task, labels, config, bytes: sizes, levels } = await load(bytes);
    expect(task).toEqual({ name: 'taste', kind: 'classification', labels: ['sour', 'sweet', 'none'] });
    expect(labels).toEqual(task?.labels);
    expect(config).toEqual({
      ...{ family: 'bert', hidden: 8, headSize: 4, heads: [2], neurons: [12] },
      ...{ vocabulary: PIECES.length, longest: 16 },
    });
    expect(sizes.file).toBe(bytes.length);
    expect(sizes.memory).toBeGreaterThan(65535);
    expect(Object.keys(levels)).toEqual(['f32', 'q15', 'int8', 'block']);
  });

  it('labels are those of the config where there is no task, or numbers', async () => {
    const task = { name: 'x', kind: 'classification', labels: [] };
    const named = await load(tinyModelPack({ task, config: { id2label: { 0: 'a', 1: 'b', 2: 'c' } } }));
    expect(named.labels).toEqual(['a', 'b', 'c']);
    expect((await load(tinyModelPack({ task }))).labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
  });

  it('does not depend on the bytes it was made of', async () => {
    const bytes = tinyModelPack();
    const copy = await load(bytes);
    bytes.fill(0);
    expect(await copy.classify('sweet pear')).toEqual(await model.classify('sweet pear'));
  });
});

describe('dispose', () => {
  const calls: readonly (readonly [string, (of: Model) => Promise<unknown>])[] = [
    ['classify', (of) => of.classify('sweet')],
    ['embed', (of) => of.embed('sweet')],
    ['answer', (of) => of.answer({ question: 'sweet', context: 'sweet' })],
    ['classifyIds', (of) => of.classifyIds([{ ids: ids() }])],
    ['embedIds', (of) => of.embedIds([{ ids: ids() }])],
    ['spanIds', (of) => of.spanIds([{ ids: ids() }])],
  ];

  it.each(calls)('%s rejects after it, and calls before it are answered', async (_, call) => {
    const own = await load(tinyModelPack());
    const before = own.classify(['sweet', 'pear']);
    own.dispose();
    own.dispose();
    await own[Symbol.asyncDispose]();
    await expect(call(own)).rejects.toMatchObject({ name: 'RuntimeError', code: 'disposed' });
    expect(await before).toHaveLength(2);
  });

  it('calls may overlap', async () => {
    const texts = ['sweet', 'the pear', 'were', 'pears were sweet'];
    const together = await Promise.all(texts.map((text) => model.classify(text)));
    expect(together).toEqual(await model.classify(texts));
  });
});

describe('what cannot be asked', () => {
  const none = undefined as never;
  it.each<readonly [string, () => Promise<unknown>, RegExp]>([
    ['no text', () => model.classify(none), /text 0: expected text, found undefined/],
    ['a number', () => model.classify(5 as never), /text 0: expected text, found undefined/],
    ['an object without text', () => model.embed({} as never), /text 0: expected text/],
    ['a text that is none', () => model.classify({ text: 5 as never }), /text 0: expected text, found 5/],
    ['a pair that is none', () => model.classify({ text: 'a', pair: 5 as never }), /pair 0: .* found 5/],
    ['a hole', () => model.classify(['a', none, 'b']), /text 1: expected text, found undefined/],
    ['no list of ids', () => model.classifyIds({ ids: [2] } as never), /expected a list of \{ ids \}/],
    ['lists of ids', () => model.classifyIds([[2, 3]] as never), /ids: expected 1 to 16 .* found 0/],
    ['a question alone', () => spanModel.answer('who' as never), /question: expected text/],
    ['no context', () => spanModel.answer({ question: 'who' } as never), /context: expected text/],
    ['another pooling', () => model.embed('a', { pooling: 'max' as never }), /expected mean, cls, found max/],
  ])('%s', async (_, ask, message) => {
    await expect(ask()).rejects.toMatchObject({
      name: 'RuntimeError',
      message: expect.stringMatching(message) as string,
    });
  });

  it('null is no pair', async () => {
    expect(await model.classify({ text: 'sweet', pair: null })).toEqual(await model.classify('sweet'));
  });

  it('and results that are no numbers are none', async () => {
    const pack = tinyModelPack({
      pack: (shape, values) => toF32(shape, shape.join() === '8,8' ? values.fill(3e38) : values),
    });
    const broken = await load(pack);
    await expect(broken.classify('sweet')).rejects.toMatchObject({ code: 'weights' });
  });
});
