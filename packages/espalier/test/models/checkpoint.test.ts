// Checkpoints: what loads, in which spellings; what is written; and one crafted bad folder for each refusal. That
// transformers loads what is written is checked by scripts/check_transformers_load.py.
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EspalierError, FormatError, UsageError } from '../../src/errors.js';
import { loadModel } from '../../src/models/adapter.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { parseConfig } from '../../src/models/config.js';
import { readSafetensors, readSafetensorsHeader, writeSafetensors } from '../../src/tensor/safetensors.js';
import { f32ToF16 } from '@espalier/runtime/format';
import { f32, type HostTensor } from '../../src/tensor/tensor.js';
import { dataPath, describeWithData } from '../support/data.js';
import { temporaryFolder } from '../support/temporary.js';
import { tinyConfig, type TinyFiles, tinyTensors, tinyVocabulary, writeTiny } from '../support/tiny-bert.js';

const at = temporaryFolder();
let folders = 0;
const fresh = (): string => at(`folder-${folders++}`);
const tiny = (files?: TinyFiles): Promise<string> => writeTiny(fresh(), files);

const words = 'bert.embeddings.word_embeddings.weight';
const renamed = (rename: (name: string) => string): Map<string, HostTensor> =>
  new Map([...tinyTensors()].map(([name, tensor]) => [rename(name), tensor]));

describe('loading', () => {
  test('config with defaults, every tensor, tokenizer files as bytes', async () => {
    const source = await tiny({ files: { 'vocab.txt': tinyVocabulary.join('\n'), 'README.md': '#' } });
    const checkpoint = await loadCheckpoint(source);
    expect(checkpoint).toMatchObject({
      source,
      family: 'bert',
      config: { hidden_size: 4, layer_norm_eps: 1e-12 },
    });
    expect([...checkpoint.tokenizerFiles.keys()]).toEqual(['vocab.txt']);
    expect(new Map([...checkpoint.tensors].sort())).toEqual(new Map([...tinyTensors()].sort()));
  });

  test('old names of layer normalisation, the bare encoder, saved buffers', async () => {
    const old = renamed((name) =>
      name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
    );
    old.set('bert.embeddings.position_ids', { dtype: 'I64', shape: [1, 1], data: BigInt64Array.of(0n) });
    const bare = renamed((name) => name.replace(/^bert\./, ''));
    bare.set('embeddings.position_ids', { dtype: 'I64', shape: [1, 1], data: BigInt64Array.of(0n) });
    for (const tensors of [old, bare]) {
      const checkpoint = await loadCheckpoint(await tiny({ tensors }));
      expect(new Map([...checkpoint.tensors].sort())).toEqual(new Map([...tinyTensors()].sort()));
    }
  });

  test('half precision becomes F32', async () => {
    const halves = new Map<string, HostTensor>();
    for (const [name, { shape, data }] of tinyTensors()) {
      halves.set(name, { dtype: 'F16', shape, data: f32ToF16(data as Float32Array) });
    }
    const { tensors } = await loadCheckpoint(await tiny({ tensors: halves }));
    const value = tensors.get(words)!.data[3]!;
    expect(value).not.toBe(Math.fround(Math.sin(3)));
    expect(value).toBeCloseTo(Math.sin(3), 3);
  });

  test('a tied decoder is one tensor; an untied one is refused', async () => {
    const tensors = tinyTensors(['embeddings', 'encoder', 'mlm']);
    tensors.set('cls.predictions.decoder.weight', tensors.get(words)!);
    tensors.set('cls.predictions.decoder.bias', tensors.get('cls.predictions.bias')!);
    const { tensors: loaded } = await loadCheckpoint(await tiny({ tensors }));
    expect([...loaded.keys()].filter((name) => name.includes('decoder'))).toEqual([]);
    tensors.set('cls.predictions.decoder.weight', f32(tensors.get(words)!.shape));
    await expect(loadCheckpoint(await tiny({ tensors }))).rejects.toThrow(
      'to which it is tied; found others',
    );
  });

  test('family from architecture or tensors where model_type is missing', async () => {
    const { architectures, ...rest } = Object.fromEntries(
      Object.entries(tinyConfig).filter(([key]) => key !== 'model_type'),
    );
    for (const config of [{ ...rest, architectures }, rest]) {
      expect((await loadCheckpoint(await tiny({ config }))).config.model_type).toBe('bert');
    }
  });

  test('no embedding table: refused, or allowed when asked', async () => {
    const folder = await tiny({ tensors: tinyTensors(['encoder', 'pooler', 'classifier']) });
    await expect(loadCheckpoint(folder)).rejects.toThrow(
      `tensor "${words}" (embeddings) is missing; expected F32 [7, 4]`,
    );
    const { tensors } = await loadCheckpoint(folder, { requireEmbeddings: false });
    expect(tensors.has(words)).toBe(false);
  });

  test('shards', async () => {
    const folder = await tiny();
    rmSync(`${folder}/model.safetensors`);
    const all = [...tinyTensors()];
    const file = (i: number): string => `model-0000${i}-of-00002.safetensors`;
    const shards = [all.slice(0, 10), all.slice(10)].map((part) => new Map(part));
    for (const [i, shard] of shards.entries()) await writeSafetensors(`${folder}/${file(i + 1)}`, shard);
    const map = Object.fromEntries(all.map(([name], i) => [name, file(i < 10 ? 1 : 2)]));
    const index = (weightMap: object): void =>
      writeFileSync(`${folder}/model.safetensors.index.json`, JSON.stringify({ weight_map: weightMap }));
    index(map);
    expect((await loadCheckpoint(folder)).tensors.size).toBe(all.length);
    index({ ...map, [words]: '../model.safetensors' });
    await expect(loadCheckpoint(folder)).rejects.toThrow(
      'expected the name of a .safetensors file in the same folder',
    );
    index({ ...map, extra: file(1) });
    await expect(loadCheckpoint(folder)).rejects.toThrow(
      `tensor "extra": expected in ${file(1)}, not found there`,
    );
    index({ ...map, [words]: file(2) });
    await expect(loadCheckpoint(folder)).rejects.toThrow('expected in');
    index(map);
    rmSync(`${folder}/${file(2)}`);
    await expect(loadCheckpoint(folder)).rejects.toThrow(`${file(2)} does not exist`);
  });
});

describe('bad folders', () => {
  const changed = (name: string, shape: number[]): Map<string, HostTensor> =>
    tinyTensors().set(name, f32(shape));
  const without = (name: string): Map<string, HostTensor> => {
    const tensors = tinyTensors();
    tensors.delete(name);
    return tensors;
  };
  const query = 'bert.encoder.layer.1.attention.self.query.bias';
  const twice = tinyTensors().set('embeddings.LayerNorm.gamma', f32([4]));
  const integers = tinyTensors().set('classifier.bias', {
    dtype: 'I32',
    shape: [2],
    data: new Int32Array(2),
  });
  const tokenizer = (model: object, added: object[] = []): Record<string, string> => ({
    'tokenizer.json': JSON.stringify({ model, added_tokens: added }),
  });

  test.each<[string, TinyFiles, string]>([
    [
      'a layer is missing',
      { tensors: without(query) },
      `tensor "${query}" (encoder) is missing; expected F32 [4]`,
    ],
    [
      'half of a head',
      { tensors: without('classifier.bias') },
      'tensor "classifier.bias" (classifier) is missing',
    ],
    ['half of the pooler', { tensors: without('bert.pooler.dense.bias') }, '(pooler) is missing'],
    [
      'a wrong shape',
      { tensors: changed(query, [5]) },
      `tensor "${query}": expected [4] from config.json, found [5]`,
    ],
    [
      'a transposed matrix',
      { tensors: changed('bert.encoder.layer.0.output.dense.weight', [6, 4]) },
      'found [6, 4]',
    ],
    [
      'more rows than vocab_size',
      { tensors: changed(words, [8, 4]) },
      'expected [7, 4] from config.json, found [8, 4]',
    ],
    ['more labels than config.json', { tensors: changed('classifier.weight', [3, 4]) }, 'expected [2, 4]'],
    [
      'a tensor nobody knows',
      { tensors: changed('bert.adapter.weight', [1]) },
      '"bert.adapter.weight" is not part',
    ],
    [
      'a layer too many',
      { config: { ...tinyConfig, num_hidden_layers: 1 } },
      'not part of a bert of 1 layers',
    ],
    ['a layer too few', { config: { ...tinyConfig, num_hidden_layers: 3 } }, 'bert.encoder.layer.2.'],
    ['a tensor under two names', { tensors: twice }, 'expected once, found under two names'],
    ['integer weights', { tensors: integers }, 'tensor "classifier.bias": expected floats, found I32'],
    ['another family', { config: { model_type: 'albert' } }, 'found "albert", which is not supported yet'],
    ['a config that is no object', { config: [] }, 'expected a JSON object'],
    ['a config with a wrong type', { config: { ...tinyConfig, vocab_size: 'many' } }, 'vocab_size'],
    [
      'a larger vocab.txt',
      { files: { 'vocab.txt': `${[...tinyVocabulary, 'x'].join('\r\n')}\r\n` } },
      'at most 7 tokens',
    ],
    [
      'a larger tokenizer.json',
      { files: tokenizer({ vocab: { a: 7 } }) },
      'found 8; the tokenizer is not the one',
    ],
    ['added tokens beyond the table', { files: tokenizer({ vocab: { a: 0 } }, [{ id: 7 }]) }, 'found 8'],
    ['a larger unigram model', { files: tokenizer({ vocab: Array(8).fill(['a', 0]) }) }, 'found 8'],
    ['a broken tokenizer.json', { files: { 'tokenizer.json': '{' } }, 'expected JSON'],
  ])('%s', async (_, files, message) => {
    const folder = await tiny(files);
    const loading = loadCheckpoint(folder);
    await expect(loading).rejects.toThrow(FormatError);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow(folder);
  });

  test('missing and truncated files', async () => {
    const folder = await tiny();
    truncateSync(`${folder}/model.safetensors`, 3000);
    await expect(loadCheckpoint(folder)).rejects.toThrow(`${folder}/model.safetensors: expected`);
    rmSync(`${folder}/model.safetensors`);
    await expect(loadCheckpoint(folder)).rejects.toThrow(
      'expected model.safetensors or model.safetensors.index.json',
    );
    writeFileSync(`${folder}/pytorch_model.bin`, 'pickle');
    await expect(loadCheckpoint(folder)).rejects.toThrow('convert with Python');
    writeFileSync(`${folder}/config.json`, '{"model_type":"bert","model_type":"bert"}');
    await expect(loadCheckpoint(folder)).rejects.toThrow('found "model_type" twice');
    rmSync(`${folder}/config.json`);
    await expect(loadCheckpoint(folder)).rejects.toThrow('config.json does not exist');
  });

  test.each(['/no/such/folder', './here', '../up', 'a/../b', 'a\0b', 'a/b/c', '', 'C:\\x', 'https://host/x'])(
    'the source %j is neither a folder nor a Hub id',
    async (source) => {
      await expect(loadCheckpoint(source)).rejects.toThrow(UsageError);
    },
  );

  test('a file, and a revision of a folder', async () => {
    const folder = await tiny();
    await expect(loadCheckpoint(`${folder}/config.json`)).rejects.toThrow(
      'config.json": expected a folder or Hub id, found a file',
    );
    await expect(loadModel(`${folder}/config.json`)).rejects.toThrow(
      'expected a folder, a Hub id, or a file that ends with .espalier (of evaluate, predict, inspect and bench also .onnx), found a file',
    );
    await expect(loadCheckpoint(folder, { revision: 'main' })).rejects.toThrow('expected a Hub id');
  });
});

describe('saving', () => {
  test('what was loaded comes back, byte for byte the second time', async () => {
    const source = await tiny({
      config: { ...tinyConfig, zebra: 1, torch_dtype: 'float16' },
      files: { 'vocab.txt': tinyVocabulary.join('\n'), 'tokenizer_config.json': '{"a": 1}' },
    });
    const first = await loadCheckpoint(source);
    const [a, b] = [fresh(), fresh()];
    await saveCheckpoint(a, first);
    const second = await loadCheckpoint(a);
    expect(second.tensors).toEqual(first.tensors);
    expect(second.tokenizerFiles).toEqual(first.tokenizerFiles);
    expect(second.config).toMatchObject({ zebra: 1, dtype: 'float32' });
    await saveCheckpoint(b, second);
    await saveCheckpoint(b, second); // replaces what is there
    expect(readdirSync(b).sort()).toEqual([
      'config.json',
      'model.safetensors',
      'tokenizer_config.json',
      'vocab.txt',
    ]);
    for (const name of readdirSync(a)) {
      expect(readFileSync(`${b}/${name}`).equals(readFileSync(`${a}/${name}`))).toBe(true);
    }
    expect((await readSafetensorsHeader(`${a}/model.safetensors`)).metadata).toEqual({ format: 'pt' });
  });

  test('the architecture follows the heads there are', async () => {
    const architecture = async (tensors: Map<string, HostTensor>): Promise<unknown> => {
      const folder = fresh();
      await saveCheckpoint(folder, await loadCheckpoint(await tiny({ tensors })));
      return (JSON.parse(readFileSync(`${folder}/config.json`, 'utf8')) as Record<string, unknown>)[
        'architectures'
      ];
    };
    expect(await architecture(tinyTensors())).toEqual(['BertForSequenceClassification']);
    expect(await architecture(tinyTensors(['embeddings', 'encoder', 'pooler']))).toEqual(['BertModel']);
    expect(await architecture(tinyTensors(['embeddings', 'encoder', 'mlm']))).toEqual(['BertForMaskedLM']);
    expect(await architecture(tinyTensors(['embeddings', 'encoder', 'pooler', 'mlm', 'nsp']))).toEqual([
      'BertForPreTraining',
    ]);
  });

  test.each([
    ['uncased', tinyVocabulary, true],
    ['cased', [...tinyVocabulary.slice(0, -1), 'Tree'], false],
  ])('a vocab.txt alone gets a tokenizer_config.json (%s)', async (_, vocabulary, lower) => {
    const folder = fresh();
    await saveCheckpoint(
      folder,
      await loadCheckpoint(await tiny({ files: { 'vocab.txt': vocabulary.join('\n') } })),
    );
    const written = JSON.parse(readFileSync(`${folder}/tokenizer_config.json`, 'utf8')) as unknown;
    expect(written).toMatchObject({
      tokenizer_class: 'BertTokenizer',
      do_lower_case: lower,
      model_max_length: 5,
    });
  });

  test('tensors that contradict the config are not written, and nothing is left', async () => {
    const checkpoint = await loadCheckpoint(await tiny());
    const config = parseConfig({ ...tinyConfig, id2label: { 0: 'a', 1: 'b', 2: 'c' } }, 'c');
    const folder = at('contradiction');
    await expect(saveCheckpoint(folder, { ...checkpoint, config })).rejects.toThrow(
      'tensor "classifier.weight"',
    );
    expect(readdirSync(at()).filter((name) => name.includes('contradiction'))).toEqual([]);
  });

  test('a folder with other files is not replaced', async () => {
    const folder = fresh();
    mkdirSync(folder);
    writeFileSync(`${folder}/thesis.tex`, 'years');
    const saving = saveCheckpoint(folder, await loadCheckpoint(await tiny()));
    await expect(saving).rejects.toThrow(EspalierError);
    await expect(saving).rejects.toThrow('"thesis.tex"');
    expect(readdirSync(folder)).toEqual(['thesis.tex']);
  });
});

const random = 'weights/tiny-random';
const encoderOnly = 'weights/bert-tiny-sst2-encoder-only';
const novels = 'weights/bert-mini-novels';

describeWithData('checkpoints that transformers wrote', [random, encoderOnly, novels], () => {
  test.each([`${random}/bert`, `${random}/bert-mlm`, novels])(
    '%s: weights come back byte for byte',
    async (name) => {
      const folder = fresh();
      await saveCheckpoint(folder, await loadCheckpoint(dataPath(name)));
      const [original, written] = [dataPath(name, 'model.safetensors'), `${folder}/model.safetensors`];
      expect(readFileSync(written).equals(readFileSync(original))).toBe(true);
      const config = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
      expect(config(`${folder}/config.json`)).toEqual(config(dataPath(name, 'config.json')));
    },
  );

  test('bert-mini-novels has its tokenizer', async () => {
    const { tokenizerFiles, config } = await loadCheckpoint(dataPath(novels));
    expect([...tokenizerFiles.keys()]).toEqual(['tokenizer.json', 'tokenizer_config.json', 'vocab.txt']);
    expect(config).toMatchObject({ vocab_size: 30522, num_hidden_layers: 4, hidden_size: 256 });
  });

  test('the encoder without embeddings loads when asked', async () => {
    await expect(loadCheckpoint(dataPath(encoderOnly))).rejects.toThrow('(embeddings) is missing');
    const { tensors } = await loadCheckpoint(dataPath(encoderOnly), { requireEmbeddings: false });
    const raw = await readSafetensors(dataPath(encoderOnly, 'model.safetensors'));
    expect(tensors).toEqual(raw.tensors);
  });

  test('albert is not supported yet', async () => {
    await expect(loadCheckpoint(dataPath(random, 'albert'))).rejects.toThrow(
      '"albert", which is not supported yet',
    );
  });
});
