// The tokenizer covers all generated text, mostly in whole words, and its three files say the same.
import { beforeAll, describe, expect, it } from 'vitest';
import {
  gardenConfig,
  gardenDocuments,
  gardenQuestions,
  gardenTask,
  gardenTasks,
  gardenTokenizerFiles,
} from '../../../src/data/garden/garden.js';
import { loadTokenizer, type Tokenizer } from '../../../src/data/tokenizer.js';

describe('gardenTokenizerFiles', () => {
  let files: Map<string, Uint8Array>;
  let tokenizer: Tokenizer;
  let texts: string[];

  beforeAll(() => {
    files = gardenTokenizerFiles();
    tokenizer = loadTokenizer(files);
    const examples = gardenTasks.flatMap(({ name }) => gardenTask(name, 99, { train: 80, dev: 0 }).train);
    const asked = gardenQuestions(99, { train: 80, dev: 0 }).train.data.flatMap((it) => it.paragraphs);
    texts = [
      ...gardenDocuments(99, 80).flat(),
      ...examples.flatMap(({ text, pair }) => (pair === undefined ? [text] : [text, pair])),
      ...asked.flatMap(({ context, qas }) => [context, ...qas.map(({ question }) => question)]),
    ];
  });

  it('knows every text', () => {
    for (const text of texts) expect(tokenizer.encodeToIds(text), text).not.toContain(tokenizer.unkId);
    expect(tokenizer.encodeToIds('An unheard-of word, 42 xyz?')).not.toContain(tokenizer.unkId);
  });

  it('needs few pieces a word, and more than one for some', () => {
    const pieces = texts.reduce((sum, text) => sum + tokenizer.encodeToIds(text).length, 0);
    const words = texts.reduce((sum, text) => sum + text.match(/\w+|[^\w\s]/g)!.length, 0);
    expect(pieces / words).toBeGreaterThan(1);
    expect(pieces / words).toBeLessThan(1.2);
    expect(tokenizer.encodeToIds('tulips')).toHaveLength(2);
  });

  it('reads the same from vocab.txt as from tokenizer.json', () => {
    expect([...files.keys()].sort()).toEqual(['tokenizer.json', 'tokenizer_config.json', 'vocab.txt']);
    const fromText = loadTokenizer(new Map([...files].filter(([name]) => name !== 'tokenizer.json')));
    for (const text of texts.slice(0, 300)) {
      expect(fromText.encode(text, 'Why?', 64)).toEqual(tokenizer.encode(text, 'Why?', 64));
    }
  });

  it('has the usual special tokens, and no piece twice', () => {
    const pieces = new TextDecoder().decode(files.get('vocab.txt')).trimEnd().split('\n');
    expect(pieces.slice(0, 5)).toEqual(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']);
    expect(new Set(pieces).size).toBe(pieces.length);
    expect([tokenizer.padId, tokenizer.unkId, tokenizer.maskId]).toEqual([0, 1, 4]);
  });

  it('fits the config', () => {
    const config = gardenConfig();
    expect(config.vocab_size).toBe(tokenizer.vocabSize);
    expect(config.hidden_size % config.num_attention_heads).toBe(0);
    const longest = Math.max(
      ...gardenDocuments(99, 80).map((it) => tokenizer.encodeToIds(it.join(' ')).length),
    );
    expect(longest + 3).toBeLessThanOrEqual(config.max_position_embeddings);
  });

  it('is the same on every call', () => {
    expect(gardenTokenizerFiles()).toEqual(files);
  });
});
