// Where a packed file may come from, what is told on the way, and what is refused.
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { toF32, toInt4 } from '../../src/format/index.js';
import { load, type LoadOptions, type Progress, type Source } from '../../src/index.js';
import type { Threads } from '../../src/encoder/index.js';
import { CONFIG, tinyModelPack, tinySpanPack, type TinyPack } from '../support/packed-model.js';

const bytes = tinyModelPack();
const text = 'the pears were sweet';
const expected = await (await load(bytes)).classify(text);

/** The bytes in pieces of `size`. */
const streamOf = (of: Uint8Array, size: number): ReadableStream<Uint8Array> => {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= of.length) controller.close();
      else controller.enqueue(of.slice(at, (at += size)));
    },
  });
};

const base64 = (of: Uint8Array): string => Buffer.from(of).toString('base64');
const arrayBuffer = (of: Uint8Array): ArrayBuffer => of.slice().buffer;
const fetching = (response: () => Response): LoadOptions => ({ fetch: () => Promise.resolve(response()) });

describe('a source', () => {
  it.each<readonly [string, () => Source]>([
    ['bytes', () => bytes],
    ['a view into a larger buffer', () => Buffer.concat([Buffer.alloc(3), bytes]).subarray(3)],
    ['a buffer', () => arrayBuffer(bytes)],
    ['a Blob', () => new Blob([arrayBuffer(bytes)])],
    ['a Response', () => new Response(arrayBuffer(bytes))],
    ['a stream in pieces of 1', () => streamOf(bytes, 1)],
    ['a stream in pieces of 32', () => streamOf(bytes, 32)],
    ['a stream in pieces of 1000', () => streamOf(bytes, 1000)],
    ['a data address', () => `data:application/octet-stream;base64,${base64(bytes)}`],
    ['a URL', () => new URL(`data:application/octet-stream;base64,${base64(bytes)}`)],
  ])('%s gives the same model', async (_, source) => {
    expect(await (await load(source())).classify(text)).toEqual(expected);
  });

  it('is fetched by the function that is given, with the signal', async () => {
    const asked: unknown[] = [];
    const { signal } = new AbortController();
    await load('models/taste.espalier', {
      signal,
      fetch: (address, init) => {
        asked.push([address, init.signal === signal]);
        return Promise.resolve(new Response(arrayBuffer(bytes)));
      },
    });
    expect(asked).toEqual([['models/taste.espalier', true]]);
  });

  it('tells how far it is, of what the file says it has', async () => {
    const seen: Progress[] = [];
    await load(streamOf(bytes, 500), { onProgress: (progress) => seen.push(progress) });
    expect(seen.map(({ loaded }) => loaded)).toEqual(
      Array.from({ length: Math.ceil(bytes.length / 500) }, (_, i) => Math.min(500 * (i + 1), bytes.length)),
    );
    expect(new Set(seen.map(({ total }) => total))).toEqual(new Set([bytes.length]));
    const once: Progress[] = [];
    await load(bytes, { onProgress: (progress) => once.push(progress) });
    expect(once).toEqual([{ loaded: bytes.length, total: bytes.length }]);
  });

  it('is let go of as soon as its header is refused, without waiting for the rest', async () => {
    let cancelled = false;
    const other = tinyModelPack({ config: { ...CONFIG, model_type: 'gpt2' } });
    const endless = new ReadableStream<Uint8Array>({
      start: (stream) => stream.enqueue(other.slice(0, -100)),
      cancel: () => void (cancelled = true),
    });
    await expect(load(endless)).rejects.toMatchObject({ code: 'unsupported-model' });
    expect(cancelled).toBe(true);
  });

  it('is let go of where the signal says so', async () => {
    const reason = new Error('enough');
    await expect(load(bytes, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    let cancelled: unknown;
    const endless = new ReadableStream<Uint8Array>({
      start: (stream) => stream.enqueue(bytes.slice(0, 100)),
      cancel: (why) => void (cancelled = why),
    });
    const loading = load(endless, { signal: controller.signal, onProgress: () => controller.abort(reason) });
    await expect(loading).rejects.toBe(reason);
    expect(cancelled).toBe(reason);
  });
});

describe('what is refused', () => {
  const flipped = bytes.slice();
  flipped[flipped.length - 20]! ^= 1;

  it.each<readonly [string, Source, string]>([
    ['another file', new TextEncoder().encode('<!doctype html> not found'), 'magic'],
    [
      'another file in a stream',
      streamOf(new TextEncoder().encode('<!doctype html>'.repeat(9)), 40),
      'magic',
    ],
    ['nothing', new Uint8Array(), 'truncated'],
    ['half a file', bytes.slice(0, bytes.length / 2), 'truncated'],
    ['half a stream', streamOf(bytes.slice(0, bytes.length / 2), 99), 'truncated'],
    ['more than a file', streamOf(Buffer.concat([bytes, bytes]), 99), 'truncated'],
    ['a flipped bit', flipped, 'checksum'],
  ])('%s', async (_, source, code) => {
    await expect(load(source)).rejects.toMatchObject({ name: 'PackError', code });
  });

  it.each<readonly [string, LoadOptions, RegExp]>([
    [
      'a status',
      fetching(() => new Response('gone', { status: 404, statusText: 'Not Found' })),
      /^x\.espalier: .* 404 Not Found/,
    ],
    [
      'no network',
      { fetch: () => Promise.reject(new TypeError('failed')) },
      /x\.espalier: cannot be fetched/,
    ],
    [
      'a broken line',
      fetching(() => new Response(new ReadableStream({ pull: (to) => to.error(new TypeError('reset')) }))),
      /broke off/,
    ],
  ])('%s is of the kind "fetch"', async (_, options, message) => {
    const error = { name: 'RuntimeError', code: 'fetch', message: expect.stringMatching(message) as string };
    await expect(load('x.espalier', options)).rejects.toMatchObject(error);
  });

  it.each(['file:///nowhere.espalier', './nowhere.espalier'])(
    '%s, where fetch reads no files',
    async (address) => {
      await expect(load(address)).rejects.toMatchObject({
        code: 'fetch',
        message: expect.stringMatching(/Of a file give the bytes/) as string,
      });
    },
  );

  it.each<readonly [string, LoadOptions, RegExp]>([
    ['a form', { form: 'int4' as 'int8' }, /form: expected auto, f32, q15, int8, found int4/],
    ['rows', { largest: { rows: 0 } }, /largest.rows: .* found 0/],
    ['a length', { largest: { length: 1.5 } }, /largest.length: .* found 1.5/],
    ['a level', { levels: ['avx' as 'simd'] }, /levels: expected dot, relaxed, simd, scalar, found avx/],
    [
      'a number of threads',
      { threads: 2 as unknown as Threads },
      /threads: expected what threads\(2\) returns/,
    ],
  ])('%s that cannot be', async (_, options, message) => {
    const error = { code: 'option', message: expect.stringMatching(message) as string };
    await expect(load(bytes, options)).rejects.toMatchObject(error);
  });

  it('takes the levels that the engine has of those that are allowed', async () => {
    const found = await load(bytes, { levels: ['dot', 'relaxed', 'simd'] });
    expect(Object.values(found.levels)).not.toContain('scalar');
    expect(Object.values((await load(bytes, { levels: ['scalar'] })).levels)).toContain('scalar');
  });

  it('a stream in use', async () => {
    const stream = streamOf(bytes, 99);
    stream.getReader();
    await expect(load(stream)).rejects.toMatchObject({ code: 'option' });
    const read = new Response(arrayBuffer(bytes));
    await read.arrayBuffer();
    await expect(load(read)).rejects.toMatchObject({ name: 'RuntimeError' });
  });

  it('passes on what onProgress throws', async () => {
    const onProgress = (): never => {
      throw new RangeError('mine');
    };
    for (const source of [bytes, streamOf(bytes, 99)])
      await expect(load(source, { onProgress })).rejects.toThrow('mine');
  });

  it('no array of another realm', async () => {
    const other = runInNewContext('new Uint8Array(length)', { length: bytes.length }) as Uint8Array;
    other.set(bytes);
    expect(other instanceof Uint8Array).toBe(false);
    expect(await (await load(other)).classify(text)).toEqual(expected);
  });

  it('a group of columns without end', async () => {
    for (const [group, allowed] of [
      [2 ** 28, true],
      [2 ** 32, false],
    ] as const) {
      const pack = tinyModelPack({
        pack: (shape, values) =>
          shape[1] === 8 && shape[0]! > 10 ? { ...toInt4(shape, values, 8), group } : toF32(shape, values),
      });
      const opened = load(pack).then(() => true);
      if (allowed) expect(await opened).toBe(true);
      else
        await expect(opened).rejects.toMatchObject({
          code: 'header',
          message: expect.stringMatching(/group of 1 to/) as string,
        });
    }
  });

  it('a source that is none', async () => {
    await expect(load(JSON.parse('42') as string)).rejects.toMatchObject({ code: 'option' });
  });

  it.each<readonly [TinyPack, string, RegExp]>([
    [{ config: { model_type: 'xlnet' } }, 'unsupported-model', /bert, roberta, .* found "xlnet"/],
    [{ config: { hidden_act: 'relu' } }, 'unsupported-model', /hidden_act: expected "gelu", found "relu"/],
    [{ config: { position_embedding_type: 'relative_key' } }, 'unsupported-model', /absolute/],
    [{ config: { embedding_size: 4 } }, 'unsupported-model', /embedding_size: expected 8, found 4/],
    [{ config: { hidden_size: '8' } }, 'unsupported-model', /hidden_size: .* found "8"/],
    [{ config: { num_attention_heads: 3 } }, 'unsupported-model', /multiple of 3 heads/],
    [{ config: { num_hidden_layers: 1e9 } }, 'unsupported-model', /from 1 to 1024/],
    [{ config: { layer_norm_eps: 0 } }, 'unsupported-model', /layer_norm_eps/],
    [{ config: { layer_norm_eps: 1e-50 } }, 'unsupported-model', /layer_norm_eps/],
    [{ config: { espalier: { heads: [3] } } }, 'unsupported-model', /espalier.heads: .* at most 2/],
    [{ shapes: { 'layer_mix.scores': [1, 1] } }, 'unsupported-model', /layer_mix/],
    [{ config: { num_hidden_layers: 2 } }, 'missing', /layer\.1\.attention\.self\.query\.bias, found none/],
    [{ shapes: { 'classifier.bias': undefined } }, 'missing', /classifier.bias/],
    [
      { config: { vocab_size: 12 } },
      'weights',
      /word_embeddings.weight: expected \[12, 8\].* found \[11, 8\]/,
    ],
    [{ config: { intermediate_size: 16 } }, 'weights', /intermediate.dense.bias: expected \[16\]/],
    [{ config: { espalier: { heads: [1] } } }, 'weights', /query.bias: expected \[4\].* found \[8\]/],
    [{ shapes: { 'classifier.weight': [2, 8], 'classifier.bias': [2] } }, 'weights', /3 labels, found 2/],
    [
      {
        task: { name: '', kind: '', labels: [] },
        shapes: { 'classifier.weight': [0, 8], 'classifier.bias': [0] },
      },
      'weights',
      /its labels, found 0/,
    ],
    [{ files: new Map([['tokenizer.json', new Uint8Array([123])]]) }, 'tokenizer', /expected JSON/],
    [{ files: new Map([['tokenizer.json', new TextEncoder().encode('{}')]]) }, 'tokenizer', /"model"/],
    [
      { files: new Map([['tokenizer.json', new TextEncoder().encode('{"model":{"vocab":[["a",0]]}}')]]) },
      'tokenizer',
      /WordPiece, BPE/,
    ],
    [{ files: new Map([['vocab.txt', new TextEncoder().encode('a\nb')]]) }, 'tokenizer', /\[PAD\]/],
  ])('%j is of the kind %s', async (pack, code, message) => {
    const error = { code, message: expect.stringMatching(message) as string };
    await expect(load(tinyModelPack(pack))).rejects.toMatchObject(error);
  });
});

it('whatever stands in a config, the model loads or is refused with a reason', async () => {
  const odd = [null, -1, 0, 1.5, 'x', [], {}, 1e308, true];
  const keys = [...Object.keys(CONFIG), 'espalier', 'id2label', 'problem_type'];
  for (const key of keys)
    for (const value of odd) {
      const refused = await load(tinyModelPack({ config: { [key]: value } })).then(
        (model) => model.classify(text).then(() => undefined),
        (error: unknown) => error,
      );
      if (refused === undefined) continue;
      expect(refused, `${key}: ${JSON.stringify(value)}`).toMatchObject({ name: 'RuntimeError' });
    }
});

describe('what a model cannot do', () => {
  it('answers of another head, or of none', async () => {
    const [labels, spans] = [await load(bytes), await load(tinySpanPack())];
    const none = await load(tinyModelPack({ shapes: { 'bert.pooler.dense.weight': undefined } }));
    const question = { question: 'sweet', context: 'sweet' };
    await expect(labels.answer(question)).rejects.toMatchObject({ code: 'no-head' });
    await expect(spans.classify('sweet')).rejects.toMatchObject({ code: 'no-head' });
    await expect(none.classify('sweet')).rejects.toMatchObject({ code: 'no-head' });
    expect((await none.embed('sweet')).vector).toHaveLength(CONFIG.hidden_size);
  });

  it('reads text without a tokenizer; ids it does', async () => {
    const model = await load(tinyModelPack({ files: new Map() }));
    await expect(model.classify('sweet')).rejects.toMatchObject({ code: 'no-tokenizer' });
    await expect(model.embed(['sweet'])).rejects.toMatchObject({ code: 'no-tokenizer' });
    expect(await model.classifyIds([{ ids: [2, 5, 3] }])).toHaveLength(1);
  });

  it('takes ids that it has not, or too many, or none', async () => {
    const model = await load(bytes);
    await expect(model.classifyIds([{ ids: [11] }])).rejects.toMatchObject({ code: 'tokens' });
    await expect(model.embedIds([{ ids: [] }])).rejects.toMatchObject({ code: 'tokens' });
    await expect(model.embedIds([{ ids: new Array<number>(17).fill(5) }])).rejects.toMatchObject({
      code: 'too-long',
    });
  });
});
