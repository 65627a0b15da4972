// Tokens of a corpus: those of the tokenizer, word by word or not; which continue a word; the cache on disk.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { cachedCorpus, loadCorpus, saveCorpus, tokeniseCorpus } from '../../../src/data/corpus/index.js';
import { wordEncoder } from '../../../src/data/corpus/word-encoder.js';
import { gardenDocuments } from '../../../src/data/garden/garden.js';
import { loadTokenizer, type Tokenizer } from '../../../src/data/tokenizer.js';
import { FormatError, UsageError } from '../../../src/errors.js';
import { dataPath, describeWithData } from '../../support/data.js';
import { temporaryFolder } from '../../support/temporary.js';
import { gardenCorpus, gardenTokenizer } from './tiny-corpus.js';

const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
const wordPieces = (pieces: readonly string[], config: object = {}): Tokenizer =>
  loadTokenizer(
    new Map([
      ['vocab.txt', bytes(pieces.join('\n'))],
      ['tokenizer_config.json', bytes(JSON.stringify(config))],
    ]),
  );

/** Byte-level BPE with the alphabet of printable ASCII, the space and two merges. */
function bytePairs(): Tokenizer {
  const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
  const pieces = ['<s>', '<pad>', '</s>', '<unk>', '<mask>', 'Ġ', ...printable, 'ab', 'Ġa'];
  const vocab = JSON.stringify(Object.fromEntries(pieces.map((piece, id) => [piece, id])));
  return loadTokenizer(
    new Map([
      ['vocab.json', bytes(vocab)],
      ['merges.txt', bytes('a b\nĠ a\n')],
    ]),
  );
}

const tiny = wordPieces(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', '##b', 'c', '.']);

describe('tokeniseCorpus', () => {
  it('is tokens, borders and continuations', async () => {
    const corpus = await tokeniseCorpus([['Ab c.', '', 'C'], [' '], ['abb', 'z']], tiny);
    expect(corpus).toEqual({
      ids: Int32Array.of(5, 6, 7, 8, 7, 5, 6, 6, 1),
      continues: Uint8Array.of(0, 1, 0, 0, 0, 0, 1, 1, 0),
      sentences: Int32Array.of(0, 4, 5, 8, 9),
      documents: Int32Array.of(0, 2, 4),
      vocabSize: 9,
      padId: 0,
      clsId: 2,
      sepId: 3,
      maskId: 4,
      specials: new Set([0, 1, 2, 3, 4]),
    });
  });

  it('takes pieces of byte pairs without the space marker for continuations, but not where a sentence begins', async () => {
    const corpus = await tokeniseCorpus([['ab abc, <mask>b', 'b']], bytePairs());
    const pieces = ['ab', 'Ġa', 'b', 'c', ',', '<mask>', 'b', 'b'];
    expect([...corpus.continues]).toEqual([0, 0, 1, 1, 1, 0, 1, 0]);
    expect(corpus.ids.length).toBe(pieces.length);
  });

  it('is empty for no text', async () => {
    const corpus = await tokeniseCorpus([], tiny);
    expect([corpus.ids.length, [...corpus.sentences], [...corpus.documents]]).toEqual([0, [0], [0]]);
  });

  it('reads a stream, and reports as it goes', async () => {
    const documents = gardenDocuments(1, 700);
    const seen: number[] = [];
    async function* stream() {
      for (const document of documents) yield await Promise.resolve(document);
    }
    const corpus = await tokeniseCorpus(stream(), gardenTokenizer, (tokens) => seen.push(tokens));
    expect(corpus.documents.length).toBe(701);
    expect(seen.at(-1)).toBe(corpus.ids.length);
    expect(seen.length).toBeGreaterThanOrEqual(2);
    const sentences = documents.flat();
    for (const i of [0, 1, 777, sentences.length - 1]) {
      const ids = corpus.ids.subarray(corpus.sentences[i], corpus.sentences[i + 1]);
      expect([...ids]).toEqual(gardenTokenizer.encodeToIds(sentences[i]!));
    }
  });

  it('needs a mask token', async () => {
    const { maskId, ...rest } = tiny;
    expect(maskId).toBe(4);
    await expect(tokeniseCorpus([['a']], rest)).rejects.toThrow(UsageError);
  });
});

describe('wordEncoder', () => {
  const text = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ' ',
          ' ',
          ' ',
          '  ',
          'ab',
          "ab's",
          'C.',
          '[MASK]',
          '<mask>',
          '\u00a0',
          '\t',
          'ΣΑΣ',
          'é',
          '漢',
          '𠀀',
        ),
        fc.string({ unit: 'binary', maxLength: 2 }),
        fc.string({ maxLength: 4 }),
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join(''));

  it.each([
    ['lower-casing BERT', tiny],
    [
      'cased BERT',
      wordPieces(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a', '##b', 'C', "'"], {
        do_lower_case: false,
      }),
    ],
    ['the garden language', gardenTokenizer],
    ['byte pairs', bytePairs()],
  ])('gives the ids of the tokenizer: %s', (_, tokenizer) => {
    const encode = wordEncoder(tokenizer);
    fc.assert(
      fc.property(text, (sentence) => {
        expect(encode(sentence)).toEqual(tokenizer.encodeToIds(sentence));
      }),
      { numRuns: 300 },
    );
  });

  it('asks the tokenizer once for a word, where it may', () => {
    const encodeToIds = vi.fn(tiny.encodeToIds);
    const encode = wordEncoder({ ...tiny, encodeToIds });
    expect(encode('a c ab c c')).toEqual([5, 7, 5, 6, 7, 7]);
    expect(encodeToIds.mock.calls).toEqual([['a'], [' c'], [' ab']]);
    const definition = { ...tiny.definition, normalizer: { type: 'Lowercase' } };
    const whole = vi.fn(tiny.encodeToIds);
    wordEncoder({ ...tiny, definition, encodeToIds: whole })('a c');
    expect(whole.mock.calls).toEqual([['a c']]);
  });
});

describeWithData('real vocabularies', ['tokenizers', 'text/wikitext-2/valid.txt'], () => {
  const lines = readFileSync(dataPath('text/wikitext-2/valid.txt'), 'utf8').split('\n').slice(0, 150);
  const read = (name: string): Uint8Array => readFileSync(dataPath('tokenizers', name));
  const loaded = (name: string): Tokenizer =>
    loadTokenizer(new Map([['tokenizer.json', read(`${name}/tokenizer.json`)]]));
  /** The pieces of GPT-2 in RoBERTa's layout. */
  function roberta(): Tokenizer {
    const vocab = JSON.parse(Buffer.from(read('gpt2/vocab.json')).toString()) as Record<string, number>;
    let next = Object.keys(vocab).length;
    for (const token of ['<s>', '<pad>', '</s>', '<unk>', '<mask>']) vocab[token] = next++;
    const merges = read('gpt2/merges.txt');
    return loadTokenizer(
      new Map([
        ['vocab.json', bytes(JSON.stringify(vocab))],
        ['merges.txt', merges],
      ]),
    );
  }
  it.each([
    ['BERT', () => loaded('bert-base-uncased')],
    ['byte pairs', roberta],
    ['XLNet', () => loaded('xlnet-base-cased')],
  ])('%s: word by word as a whole', (_, load) => {
    const tokenizer = load();
    const encode = wordEncoder(tokenizer);
    for (const line of lines.map((it) => it.trim()))
      expect(encode(line)).toEqual(tokenizer.encodeToIds(line));
  });
});

describe('saveCorpus and loadCorpus', () => {
  const at = temporaryFolder();

  it('give back what was saved', async () => {
    const corpus = await gardenCorpus(20);
    await saveCorpus(at('a.safetensors'), corpus);
    expect(await loadCorpus(at('a.safetensors'))).toEqual(corpus);
  });

  it('notice a file that was cut or changed in any place', async () => {
    await saveCorpus(at('b.safetensors'), await gardenCorpus(3));
    const whole = readFileSync(at('b.safetensors'));
    for (const place of [2, 20, 150, 400, whole.length >> 1, whole.length - 1]) {
      const damaged = Buffer.from(whole);
      damaged[place]! ^= 0x41;
      writeFileSync(at('damaged.safetensors'), damaged);
      await expect(loadCorpus(at('damaged.safetensors')), `byte ${place}`).rejects.toThrow(FormatError);
    }
    writeFileSync(at('cut.safetensors'), whole.subarray(0, whole.length - 7));
    await expect(loadCorpus(at('cut.safetensors'))).rejects.toThrow(FormatError);
  });
});

describe('cachedCorpus', () => {
  const at = temporaryFolder();
  const file = (name: string, text: string): string => {
    writeFileSync(at(name), text);
    return at(name);
  };
  afterEach(() => vi.unstubAllEnvs());

  /** The corpus, whether text was tokenised for it, and the notes. */
  async function build(files: string[], more: Partial<Parameters<typeof cachedCorpus>[0]> = {}) {
    const notes: string[] = [];
    const onProgress = vi.fn();
    const note = (message: string): number => notes.push(message);
    const options = { files, tokenizer: tiny, cacheDir: at('cache'), onProgress, note, ...more };
    const corpus = await cachedCorpus(options);
    return { corpus, tokenised: onProgress.mock.calls.length > 0, notes };
  }

  it('tokenises once, and again when text, tokenizer or documents change', async () => {
    const path = file('1.txt', 'Ab c.\n\nCc. Ab.\n');
    const first = await build([path]);
    expect(first.tokenised).toBe(true);
    expect([...first.corpus.documents]).toEqual([0, 3]);
    const second = await build([path]);
    expect(second).toEqual({ ...first, tokenised: false });
    expect((await build([file('copy.txt', 'Ab c.\n\nCc. Ab.\n')])).tokenised).toBe(false);

    expect((await build([path], { documents: 'blank-line' })).tokenised).toBe(true);
    expect((await build([path], { tokenizer: gardenTokenizer })).tokenised).toBe(true);
    expect((await build([path, path])).tokenised).toBe(true);
    file('1.txt', 'Ab c.\n\nCc. Bb.\n');
    expect((await build([path])).tokenised).toBe(true);
  });

  it('tokenises again, and says so, where the cached file is damaged', async () => {
    const path = file('2.txt', 'A c. Cc c.');
    const cacheDir = at('damaged');
    const { corpus } = await build([path], { cacheDir });
    const [name] = readdirSync(cacheDir);
    writeFileSync(at('damaged', name!), 'nothing');
    const again = await build([path], { cacheDir });
    expect(again).toMatchObject({ corpus, tokenised: true });
    expect(again.notes).toEqual([expect.stringMatching(/^tokenising again: .*safetensors/)]);
    expect((await build([path], { cacheDir })).tokenised).toBe(false);
  });

  it('says so where the cache cannot be written, and goes on', async () => {
    const path = file('3.txt', 'A c.');
    const { corpus, notes } = await build([path], { cacheDir: at('3.txt', 'folder') });
    expect(corpus.ids.length).toBe(3);
    expect(notes).toEqual([expect.stringMatching(/not cached: cannot write .*3\.txt/)]);
  });

  it('keeps its files where ESPALIER_CACHE says', async () => {
    vi.stubEnv('ESPALIER_CACHE', at('elsewhere'));
    const path = file('4.txt', 'A c.');
    const onProgress = vi.fn();
    await cachedCorpus({ files: [path], tokenizer: tiny, onProgress });
    await cachedCorpus({ files: [path], tokenizer: tiny, cacheDir: at('elsewhere'), onProgress });
    expect(onProgress).toHaveBeenCalledTimes(1);
  });

  it('refuses files without text', async () => {
    const path = file('5.txt', ' \n\n');
    await expect(build([path])).rejects.toThrow(`expected text in ${path}`);
  });
});
