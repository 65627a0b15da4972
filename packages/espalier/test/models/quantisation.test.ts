// The record of a quantised model: written and read with the checkpoint, and refused when it does not fit.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { FormatError } from '../../src/errors.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import type { Quantisation } from '../../src/models/quantisation.js';
import { temporaryFolder } from '../support/temporary.js';
import { tinyVocabulary, writeTiny } from '../support/tiny-bert.js';

const path = temporaryFolder();
const QUERY = 'bert.encoder.layer.0.attention.self.query'; // [4, 4]
const WORDS = 'bert.embeddings.word_embeddings.weight'; // [7, 4]

const record: Quantisation = {
  layers: {
    [QUERY]: {
      weightScales: [0.1, 0.2, 1 / 3, 2 ** -23],
      input: { scale: 0.015, zeroPoint: 0 },
      output: { scale: Math.fround(0.1), zeroPoint: 255 },
    },
    'bert.pooler.dense': { weightScales: [7], input: { scale: 1, zeroPoint: 128 } },
  },
  tables: { [WORDS]: { scales: tinyVocabulary.map((_, i) => (i + 1) / 9) } },
};

beforeEach(async () => {
  rmSync(path('tiny'), { recursive: true, force: true });
  await writeTiny(path('tiny'), { files: { 'vocab.txt': tinyVocabulary.join('\n') } });
});

it('a checkpoint keeps it to the last digit, and has no file without it', async () => {
  const plain = await loadCheckpoint(path('tiny'));
  expect(plain).not.toHaveProperty('quantisation');
  await saveCheckpoint(path('plain'), plain);
  expect(existsSync(path('plain', 'quantisation.json'))).toBe(false);
  await saveCheckpoint(path('quantised'), { ...plain, quantisation: record });
  const read = await loadCheckpoint(path('quantised'));
  expect(read.quantisation).toEqual(record);
  expect([...read.tensors].sort()).toEqual([...plain.tensors].sort());
});

const layer = record.layers[QUERY]!;
const withLayer = (name: string, changed: object): unknown => ({
  layers: { [name]: { ...layer, ...changed } },
  tables: {},
});

describe('refuses', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'a layer of another model',
      withLayer('bert.encoder.layer.9.output.dense', {}),
      /layer\.9.*another model/,
    ],
    ['a layer that is no matrix', withLayer('bert.embeddings.LayerNorm', {}), /expected names of matrices/],
    [
      'scales for another number of rows',
      withLayer(QUERY, { weightScales: [1, 2, 3] }),
      /1 scale or 4.*found 3/,
    ],
    ['a table with too few scales', { layers: {}, tables: { [WORDS]: { scales: [1, 2] } } }, /1 scale or 7/],
    ['no scales', withLayer(QUERY, { weightScales: [] }), /weightScales/],
    ['a scale of zero', withLayer(QUERY, { weightScales: [0] }), /weightScales\.0/],
    ['a negative scale', withLayer(QUERY, { input: { scale: -1, zeroPoint: 0 } }), /input\.scale/],
    ['a zero point below 0', withLayer(QUERY, { input: { scale: 1, zeroPoint: -1 } }), /input\.zeroPoint/],
    [
      'a zero point above 255',
      withLayer(QUERY, { output: { scale: 1, zeroPoint: 256 } }),
      /output\.zeroPoint/,
    ],
    ['a zero point between', withLayer(QUERY, { output: { scale: 1, zeroPoint: 1.5 } }), /output\.zeroPoint/],
    ['a layer without an input', { layers: { [QUERY]: { weightScales: [1] } }, tables: {} }, /input/],
    ['another key', withLayer(QUERY, { bits: 4 }), /bits/],
    ['a list', [], /object/],
  ])('%s', async (_, content, message) => {
    const file = path('tiny', 'quantisation.json');
    writeFileSync(file, JSON.stringify(content));
    const error: unknown = await loadCheckpoint(path('tiny')).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(FormatError);
    expect((error as FormatError).path).toBe(file);
    expect((error as FormatError).message).toMatch(message);
  });

  it('a scale beyond the numbers', async () => {
    const text = JSON.stringify(record).replace('"weightScales":[7]', '"weightScales":[1e999]');
    writeFileSync(path('tiny', 'quantisation.json'), text);
    await expect(loadCheckpoint(path('tiny'))).rejects.toThrow(/weightScales/);
  });

  it('to write what it would not read', async () => {
    const model = await loadCheckpoint(path('tiny'));
    const wrong: Quantisation = { layers: { [QUERY]: { ...layer, weightScales: [1, 2] } }, tables: {} };
    const before = readFileSync(join(path('tiny'), 'model.safetensors'));
    await expect(saveCheckpoint(path('tiny'), { ...model, quantisation: wrong })).rejects.toThrow(
      FormatError,
    );
    expect(readFileSync(join(path('tiny'), 'model.safetensors'))).toEqual(before);
    expect(existsSync(path('tiny', 'quantisation.json'))).toBe(false);
  });
});
