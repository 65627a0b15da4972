// What inspect says about patterns and embeddings; bytes, zeros and the printed tables are in cli/use.test.ts.
import { describe, expect, it } from 'vitest';
import { FormatError, UsageError } from '../../src/errors.js';
import { inspect } from '../../src/jobs/inspect.js';
import { parseConfig } from '../../src/models/config.js';
import { random } from '../../src/random.js';
import { neighbourOverlap } from '../../src/report/neighbour-overlap.js';
import type { HostTensor } from '../../src/tensor/tensor.js';
import { temporaryFolder } from '../support/temporary.js';
import { tinyConfig, tinyTensors, tinyVocabulary, writeTiny } from '../support/tiny-bert.js';

const path = temporaryFolder();
const TABLE = 'bert.embeddings.word_embeddings.weight';
const pieces = [
  ...tinyVocabulary.slice(0, 5),
  '[unused0]',
  ...Array.from({ length: 26 }, (_, i) => String.fromCharCode(97 + i)),
];
const config = { ...tinyConfig, vocab_size: pieces.length };

/** A tiny model whose embeddings are drawn with `seed`. */
function tensorsOf(seed: number): Map<string, HostTensor> {
  const tensors = tinyTensors(undefined, parseConfig(config, 'config.json'));
  const generator = random(seed, 'embeddings');
  const { data } = tensors.get(TABLE)!;
  for (let i = 0; i < data.length; i++) data[i] = generator.normal();
  return tensors;
}
const write = (name: string, seed: number, vocabulary = pieces): Promise<string> =>
  writeTiny(path(name), {
    config,
    tensors: tensorsOf(seed),
    files: { 'vocab.txt': vocabulary.join('\n') },
  });

describe('inspect --against', () => {
  it('compares the pieces that are words, in the order of the vocabulary', async () => {
    const [before, after] = [await write('before', 1), await write('after', 2)];
    const { against, patterns } = await inspect({ model: after, against: before });
    const order = [...pieces.keys()].slice(6);
    const [first, second] = [1, 2].map((seed) => tensorsOf(seed).get(TABLE) as HostTensor<'F32'>);
    const overlap = neighbourOverlap(first!, second!, { k: 10, order });
    expect(against).toEqual({ path: before, overlap, neighbours: 10, pieces: 26 });
    expect(overlap).toBeLessThan(0.7);
    expect(patterns).toBeUndefined();
    expect((await inspect({ model: before, against: before })).against?.overlap).toBe(1);
  });

  it('refuses another vocabulary, no vocabulary, and an ONNX file', async () => {
    const model = await write('model', 1);
    const other = await write('other', 1, pieces.with(8, 'zebra'));
    await expect(inspect({ model, against: other })).rejects.toThrow(UsageError);
    const none = await writeTiny(path('none'), { config, tensors: tensorsOf(1) });
    await expect(inspect({ model, against: none })).rejects.toThrow(/no tokenizer/);
    await expect(inspect({ model: 'x.onnx', against: model })).rejects.toThrow(UsageError);
    await expect(inspect({ model: path('x.onnx') })).rejects.toThrow(FormatError);
  });
});
