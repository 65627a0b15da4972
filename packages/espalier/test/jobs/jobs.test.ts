// What jobs do with the models and data they are given, beyond the command line.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compress } from '../../src/jobs/compress.js';
import { evaluate } from '../../src/jobs/evaluate.js';
import { exportModel } from '../../src/jobs/export.js';
import { finetune } from '../../src/jobs/finetune.js';
import { predict } from '../../src/jobs/predict.js';
import { pretrain } from '../../src/jobs/pretrain.js';
import { loadDev, loadRun } from '../../src/jobs/task-run.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import type { Model } from '../../src/models/model.js';
import { builtinRecipe, DENSE } from '../../src/recipe/builtin.js';
import { parseRecipe } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import { f32 } from '../../src/tensor/tensor.js';
import { row, sha256, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };
const data = { task: 'classify', data: join(root, 'classify'), threads: 1 };
const settings = { steps: 15, batchSize: 8, maxLength: 16, lr: 5e-3 };

beforeAll(async () => {
  await writeProject(root);
  await finetune({ ...data, model: join(root, 'base'), out: path('model'), settings }, control);
});

describe('splits', () => {
  it('a job that scores tokenises dev alone', async () => {
    const options = { ...data, model: path('model'), seed: 0, maxLength: 16 };
    const scored = await loadDev(options, control);
    expect(scored).toHaveProperty('train', []);
    const trained = await loadRun(options, control);
    expect(trained.train).toHaveLength(40);
    expect(scored.dev).toEqual(trained.dev);
  });
});

describe('the order of labels', () => {
  /** The model with its two outputs exchanged, names and all. */
  async function exchanged(): Promise<string> {
    const model = await loadCheckpoint(path('model'));
    const swap = (name: string): ReturnType<typeof f32> => {
      const { shape, data: values } = model.tensors.get(name)!;
      const width = values.length / 2;
      return f32(shape, Float32Array.from([...values.slice(width), ...values.slice(0, width)]));
    };
    const names = ['classifier.weight', 'classifier.bias'];
    const changed: Model = {
      ...model,
      config: { ...model.config, id2label: { 0: 'sweet', 1: 'sour' }, label2id: { sweet: 0, sour: 1 } },
      tensors: new Map([...model.tensors, ...names.map((name) => [name, swap(name)] as const)]),
    };
    await saveCheckpoint(path('exchanged'), changed);
    return path('exchanged');
  }

  it('is the model’s: the same model with exchanged outputs scores the same', async () => {
    const model = await exchanged();
    const expected = await evaluate({ ...data, model: path('model') }, control);
    const found = await evaluate({ ...data, model }, control);
    expect(found.metrics.accuracy).toBe(expected.metrics.accuracy);
    expect(found.metrics.loss).toBeCloseTo(expected.metrics.loss, 5);
    const { text } = row(1);
    expect((await predict({ model, text })).label).toBe(
      (await predict({ model: path('model'), text })).label,
    );
  });

  it('other names are no head for the task: both are told', async () => {
    const folder = path('renamed');
    mkdirSync(folder);
    for (const split of ['train', 'dev'])
      writeFileSync(join(folder, `${split}.tsv`), 'text\tlabel\nthe pears\tgood\nnot sour\tbad\n');
    await expect(evaluate({ ...data, data: folder, model: path('model') }, control)).rejects.toThrow(
      /no head for task "classify": expected the labels bad, good, found sour, sweet; fine-tune it first/,
    );
  });

  it('must be the same in a teacher', async () => {
    const recipe = parseRecipe(
      { name: 'd', stages: [{ stage: 'finetune', methods: [{ name: 'distil' }] }] },
      'd',
    );
    const options = {
      ...data,
      model: path('model'),
      teacher: await exchanged(),
      out: path('taught'),
      recipe,
    };
    await expect(compress({ ...options, settings }, control)).rejects.toThrow(
      /--teacher .* numbers the labels otherwise: expected sour, sweet/,
    );
  });
});

describe('compress', () => {
  it('a recipe called "dense" is not taken for the dense model that is trained first', async () => {
    const half = { name: 'magnitude', sparsity: 0.5 };
    const recipe = parseRecipe(
      { name: DENSE.name, stages: [{ stage: 'finetune', methods: [half] }] },
      'test',
    );
    const options = { ...data, model: join(root, 'base'), out: path('named'), recipe, settings };
    const report = await compress(options, control);
    expect(report.sparsity.encoder).toBeCloseTo(0.5, 2);
    expect(report.metrics.compressed).toBeDefined();
    expect(report.metrics.denseInt8!.majority).toBe(report.metrics.dense!.majority);
    expect(report.metrics.denseInt8!.loss).toBeCloseTo(report.metrics.dense!.loss!, 1);
    expect(report.metrics.denseInt8!.loss).not.toBe(report.metrics.dense!.loss);
    expect(report.bytes.denseInt8).toBeGreaterThan(report.parameters.total);
    expect(report.metrics.onnxInt8).toBeUndefined();
    expect(report.size.encoder.int8.values).toBeCloseTo(8, 1);
    const page = readFileSync(join(path('named'), 'report.md'), 'utf8');
    expect(page).toMatch(/^\| dev +\| dense \| dense int8 \| compressed \| change \| packed \|$/m);
    expect(page).toMatch(/^\| values that are not zero \| 2\.0x \| 8\.0x \| /m);
  });

  it('does not remove what it reads: a model, dense or teacher that is --out, links and data in it', async () => {
    const out = path('own');
    await saveCheckpoint(out, await loadCheckpoint(path('model')));
    cpSync(join(root, 'classify'), join(out, 'onnx', 'classify'), { recursive: true });
    symlinkSync(out, path('link'));
    mkdirSync(path('links'));
    for (const file of readdirSync(out)) symlinkSync(join(out, file), path('links', file));
    const before = sha256(join(out, 'model.safetensors'));
    const options = {
      ...{ ...data, model: path('model'), out, overwrite: true, settings },
      recipe: builtinRecipe('magnitude'),
    };
    const cases: [string, Partial<typeof options> & { dense?: string; teacher?: string }][] = [
      ['--model', { model: out }],
      ['--model', { model: path('link') }],
      ['--model', { model: path('links') }],
      ['--model', { model: out, out: path('link') }],
      ['--dense', { dense: out }],
      ['--teacher', { teacher: out }],
      ['--data', { data: join(out, 'onnx', 'classify') }],
    ];
    for (const [option, more] of cases) {
      const refused: unknown = await compress({ ...options, ...more }, control).catch(
        (cause: unknown) => cause,
      );
      expect(refused, option).toMatchObject({ exitStatus: 2 });
      expect(String(refused)).toMatch(
        new RegExp(`--out .*: --overwrite would remove .*, which ${option} .* reads`),
      );
    }
    const training = { ...data, out, overwrite: true, settings };
    await expect(finetune({ ...training, model: out }, control)).rejects.toThrow(/--overwrite would remove/);
    const text = { corpus: [join(root, 'classify', 'train.tsv')], out, overwrite: true, nextSentence: false };
    await expect(pretrain({ ...text, init: out }, control)).rejects.toThrow(/which --init .* reads/);
    expect(sha256(join(out, 'model.safetensors'))).toBe(before);
    expect(existsSync(join(out, 'onnx', 'classify', 'train.tsv'))).toBe(true);
  });

  it('replaces a folder that is beside its data, or inside its model without being read', async () => {
    const base = path('around');
    cpSync(join(root, 'base'), base, { recursive: true });
    cpSync(join(root, 'classify'), base, { recursive: true });
    const options = { ...data, data: base, model: base, out: join(base, 'tuned'), settings };
    await finetune(options, control);
    await finetune({ ...options, overwrite: true }, control);
    expect(existsSync(join(base, 'model.safetensors'))).toBe(true);
    await finetune(
      { ...options, model: join(root, 'base'), data: base, out: base, overwrite: true },
      control,
    );
    expect(existsSync(join(base, 'train.tsv'))).toBe(true);
  });
});

describe('export to a Hugging Face directory', () => {
  it('adds tokenizer.json to a vocab.txt, and keeps a directory that holds something else', async () => {
    const model = path('plain');
    const { tokenizerFiles, ...rest } = await loadCheckpoint(path('model'));
    await saveCheckpoint(model, {
      ...rest,
      tokenizerFiles: new Map([...tokenizerFiles].filter(([name]) => name === 'vocab.txt')),
    });
    const out = path('whole');
    await exportModel({ model, to: 'hf', out }, control);
    expect(sha256(join(out, 'model.safetensors'))).toBe(sha256(join(model, 'model.safetensors')));
    expect(JSON.parse(readFileSync(join(out, 'tokenizer.json'), 'utf8'))).toMatchObject({
      model: { type: 'WordPiece' },
    });
    writeFileSync(join(out, 'notes.txt'), 'mine');
    const before = sha256(join(out, 'config.json'));
    await expect(exportModel({ model, to: 'hf', out }, control)).rejects.toThrow(
      /already there; .*--overwrite/,
    );
    await expect(exportModel({ model, to: 'hf', out, overwrite: true }, control)).rejects.toThrow(
      /notes\.txt/,
    );
    expect(sha256(join(out, 'config.json'))).toBe(before);
  });
});
