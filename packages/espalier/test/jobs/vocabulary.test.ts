// Vocabulary pruning from end to end on BERT and RoBERTa: the same logits from a smaller table, tokenizer files that
// agree with each other, what is kept and why, further stages and models, and what is refused.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { tokenizeExamples } from '../../src/data/batches.js';
import { loadTokenizer } from '../../src/data/tokenizer.js';
import { compress } from '../../src/jobs/compress.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { familyOf } from '../../src/models/families.js';
import { keptPieces, mergesOf } from '../../src/models/kept-pieces.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { cutVocabulary } from '../../src/models/vocabulary.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { parseRecipe, type Recipe, stagesFor } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import type { Report } from '../../src/report/report.js';
import { createPredictor } from '../../src/train/predictor.js';
import { tinyFamily } from '../support/families.js';
import { temporaryFolder } from '../support/temporary.js';
import { twoClasses } from '../support/training.js';

const path = temporaryFolder();
const silent: RunControl = { onEvent: () => {}, stopRequested: () => false };
const texts = ['the pears were sweet', 'the pears were sour', 'the the sweet', 'zzz pears ☂ sour'];
const task = { ...twoClasses, labels: ['sour', 'sweet'] };
const families = ['distilbert', 'roberta'] as const;

beforeAll(async () => {
  mkdirSync(path('data'), { recursive: true });
  const rows = Array.from({ length: 12 }, (_, i) => `${texts[i % 4]!}\t${i % 2 === 0 ? 'sweet' : 'sour'}`);
  for (const split of ['train', 'dev'])
    writeFileSync(path('data', `${split}.tsv`), `text\tlabel\n${rows.join('\n')}\n`);
  for (const name of families) await saveCheckpoint(path(name), withHead(tinyFamily(name), task, 1));
});

const run = (
  model: string,
  out: string,
  recipe: Recipe = builtinRecipe('vocabulary'),
  more = {},
): Promise<Report> =>
  compress(
    {
      ...{ model: path(model), task: 'classify', data: path('data'), out: path(out), recipe, threads: 1 },
      ...{ settings: { steps: 2, batchSize: 4, maxLength: 24 }, ...more },
    },
    silent,
  );

async function logitsOf(model: Model): Promise<number[]> {
  const tokenizer = loadTokenizer(model.tokenizerFiles, model.source);
  const examples = tokenizeExamples(
    tokenizer,
    texts.map((text) => ({ text, label: 0 })),
    24,
  );
  const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: tokenizer.padId });
  const logits = await predictor.logits(examples);
  await predictor.release();
  return logits.flatMap((row) => [...row]);
}

describe.each(families)('%s', (name) => {
  it('keeps its logits over fewer pieces, without training', async () => {
    const report = await run(name, `${name}-small`);
    const [before, after] = [await loadCheckpoint(path(name)), await loadCheckpoint(path(`${name}-small`))];
    const [expected, found] = [await logitsOf(before), await logitsOf(after)];
    found.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-6));

    const size = after.config.vocab_size;
    expect(size).toBeLessThan(before.config.vocab_size);
    const width = before.tensors.get(familyOf(before.config).words.decoder)!.shape[1]!;
    expect(report.vocabulary).toMatchObject({
      pieces: { before: before.config.vocab_size, after: size },
      bytes: { before: 4 * width * before.config.vocab_size, after: 4 * width * size },
      unchanged: 1,
    });
    expect(report.steps).toBe(0);
    expect(report.metrics.compressed).toEqual(report.metrics.dense);
    expect(readFileSync(path(`${name}-small`, 'report.md'), 'utf8')).toMatch(
      /\| vocabulary \| \d+ of \d+ pieces/,
    );
  });

  it('has tokenizer files that agree, and no piece that nothing uses', async () => {
    const { tokenizerFiles, config, source } = await loadCheckpoint(path(`${name}-small`));
    const text = (file: string): string => new TextDecoder().decode(tokenizerFiles.get(file));
    const definition = JSON.parse(text('tokenizer.json')) as { model: { vocab: Record<string, number> } };
    const { vocab } = definition.model;
    expect(Object.values(vocab).sort((a, b) => a - b)).toEqual([...Array(config.vocab_size).keys()]);
    const other = name === 'roberta' ? ['vocab.json', 'merges.txt'] : ['vocab.txt'];
    const old = loadTokenizer(new Map(other.map((file) => [file, tokenizerFiles.get(file)!])), source);
    const now = loadTokenizer(tokenizerFiles, source);
    for (const line of texts) expect(old.encode(line, line, 64)).toEqual(now.encode(line, line, 64));
    for (const piece of ['very', 'Ġvery', 'Ġver', 'not']) expect(Object.keys(vocab)).not.toContain(piece);
    for (const piece of name === 'roberta' ? ['q', 'Ġsw', '<mask>'] : ['.', '[MASK]', 'pears'])
      expect(Object.keys(vocab)).toContain(piece);
  });
});

describe('further stages and models', () => {
  it('goes before pruning, with a teacher that is cut alike', async () => {
    const recipe = parseRecipe(
      {
        name: 'small',
        stages: [
          { stage: 'transform', methods: [{ name: 'vocabulary' }] },
          { methods: [{ name: 'magnitude', sparsity: 0.5, pattern: '1x4' }, { name: 'distil' }] },
        ],
      },
      'test',
    );
    const report = await run('distilbert', 'both', recipe, { teacher: path('distilbert'), onnx: true });
    expect([report.steps, report.sparsity.encoder, report.vocabulary!.unchanged]).toEqual([2, 0.5, 1]);
    expect((await loadCheckpoint(path('both'))).config.vocab_size).toBe(report.vocabulary!.pieces.after);
  });
});

describe('a corpus', () => {
  const recipe = (options: object): Recipe =>
    parseRecipe(
      { name: 'c', stages: [{ stage: 'transform', methods: [{ name: 'vocabulary', ...options }] }] },
      'c',
    );
  const piecesOf = async (out: string): Promise<string[]> => {
    const { tokenizerFiles } = await loadCheckpoint(path(out));
    const text = new TextDecoder().decode(tokenizerFiles.get('tokenizer.json'));
    return Object.keys((JSON.parse(text) as { model: { vocab: Record<string, number> } }).model.vocab);
  };

  it('keeps its pieces beside the task\u2019s, those that it has often enough', async () => {
    mkdirSync(path('texts', 'more'), { recursive: true });
    writeFileSync(path('texts', 'a.txt'), 'not very sweet\n\nvery sour, very\n');
    writeFileSync(path('texts', 'more', 'b.txt'), 'very\n');
    const small = await run('distilbert', 'task-alone');
    const all = await run('distilbert', 'with-corpus', recipe({ corpus: path('texts') }));
    expect(await piecesOf('task-alone')).not.toContain('very');
    expect(await piecesOf('with-corpus')).toEqual(expect.arrayContaining(['very', 'not', 'pears']));
    expect(all.vocabulary).toMatchObject({ unchanged: 1, corpus: { files: 2, minFrequency: 1 } });
    expect(all.vocabulary!.pieces.after).toBeGreaterThan(small.vocabulary!.pieces.after);

    const often = recipe({ corpus: [path('texts', '*.txt'), path('texts', 'more')], minFrequency: 4 });
    const some = await run('distilbert', 'often', often);
    expect(await piecesOf('often')).toContain('very');
    expect(await piecesOf('often')).not.toContain('not');
    expect(some.vocabulary!.corpus!.tokens).toBe(all.vocabulary!.corpus!.tokens);
  });

  it('must be there', async () => {
    await expect(run('distilbert', 'none', recipe({ corpus: path('nowhere') }))).rejects.toThrow(
      /corpus: .*nowhere does not exist/,
    );
    expect(() => recipe({ corpus: [] })).toThrow(/corpus/);
    expect(() => recipe({ minFrequency: 0 })).toThrow(/minFrequency/);
  });
});

describe('what is kept', () => {
  it('is every merge that makes a kept piece, in the order of BPE', () => {
    const ranks = new Map(['b c', 'a b', 'a bc', 'x y'].map((merge, rank) => [merge, rank]));
    expect(mergesOf('abc', ranks)).toEqual(['b c', 'a bc']);
    expect(mergesOf('abab', ranks)).toBeUndefined();
    expect(mergesOf('a', ranks)).toEqual([]);
  });

  it('is what a decoder of words has, biases too', () => {
    const model = withHead(tinyFamily('distilbert'), task, 1);
    const { decoder, bias } = familyOf(model.config).words;
    const vocabulary = model.config.vocab_size;
    const tensors = new Map(model.tensors).set(bias, {
      ...{ dtype: 'F32' as const, shape: [vocabulary] },
      data: Float32Array.from({ length: vocabulary }, (_, i) => i),
    });
    const cut = cutVocabulary({ ...model, tensors }, { ids: [0, 1, 2, 3, 4, 6, 9], merges: new Set() });
    expect([...cut.tensors.get(bias)!.data]).toEqual([0, 1, 2, 3, 4, 6, 9]);
    expect(cut.tensors.get(decoder)!.shape[0]).toBe(7);
    expect(cut.config.vocab_size).toBe(7);
  });
});

describe('refuses', () => {
  it('what cannot be cut', async () => {
    await saveCheckpoint(path('xlnet'), withHead(tinyFamily('xlnet'), task, 1));
    await expect(run('xlnet', 'x1')).rejects.toThrow(/expected WordPiece or BPE pieces, found Unigram/);
    await saveCheckpoint(path('headless'), tinyFamily('distilbert'));
    await expect(run('headless', 'x2')).rejects.toThrow(
      /trains nothing, and .* has no head for task "classify"/,
    );
    const roberta = withHead(tinyFamily('roberta'), task, 1);
    expect(() => cutVocabulary(roberta, { ids: [0, 2, 3], merges: new Set() })).toThrow(/padding id 1/);
    expect(() =>
      keptPieces({ added_tokens: [], model: { type: 'Unigram', vocab: [['a', 0]] } }, [], 'here'),
    ).toThrow('found Unigram in here');
  });

  it('recipes that put it elsewhere', () => {
    const recipe = (...stages: object[]): Recipe => parseRecipe({ name: 'r', stages }, 'r.yaml');
    const transform = { stage: 'transform', methods: [{ name: 'vocabulary' }] };
    expect(() => recipe({ methods: [{ name: 'vocabulary' }] })).toThrow(
      /expected vocabulary in a stage "transform"/,
    );
    expect(() => recipe({ ...transform, methods: [{ name: 'lock' }] })).toThrow(
      /found lock in a stage "transform"/,
    );
    expect(() => recipe({ methods: [] }, transform)).toThrow(/"stages\.1": .* move it to the front/);
    expect(() => stagesFor(recipe(transform), 'pretrain')).toThrow(
      /no stage for this command; run it by "espalier compress"/,
    );
  });
});
