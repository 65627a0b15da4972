// Adapters from files to files: what is written beside the base, what reads it, and what is refused.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EspalierError } from '../../src/errors.js';
import { adapterMethod, writeAdapted } from '../../src/jobs/adapters.js';
import { compress, type CompressOptions } from '../../src/jobs/compress.js';
import { evaluate } from '../../src/jobs/evaluate.js';
import { exportModel } from '../../src/jobs/export.js';
import { finetune } from '../../src/jobs/finetune.js';
import { inspect } from '../../src/jobs/inspect.js';
import { predict } from '../../src/jobs/predict.js';
import { loadRun } from '../../src/jobs/task-run.js';
import { adapterOf, loadModel, readAdapter } from '../../src/models/adapter.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { countBits } from '../../src/models/packed-bits.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { type Recipe, setOptions } from '../../src/recipe/recipe.js';
import { type RunControl, runRecipe } from '../../src/recipe/run.js';
import { taskWorkload } from '../../src/recipe/task-workload.js';
import type { Report } from '../../src/report/report.js';
import { createPredictor } from '../../src/train/predictor.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { f32 } from '../../src/tensor/tensor.js';
import { row, sha256, writeProject } from '../support/cli.js';
import { tinyFamily } from '../support/families.js';
import { temporaryFolder } from '../support/temporary.js';
import { modelBits, settingsOf } from '../support/training.js';

const path = temporaryFolder();
const root = path('project');
/** By a name that nothing beside the folder of the tests has: an adapter that moved looks for its base there too. */
const base = join(root, 'adapters-base');
const data = { task: 'classify', data: join(root, 'classify'), threads: 1 };
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };
const settings = { steps: 20, batchSize: 8, maxLength: 16, lr: 5e-3 };

const recipeOf = (name: string, options: Readonly<Record<string, unknown>> = {}): Recipe =>
  setOptions(builtinRecipe(name), Object.entries(options));

const run = (out: string, recipe: Recipe, more: Partial<CompressOptions> = {}): Promise<Report> =>
  compress({ ...data, model: base, dense: null, out, recipe, settings, ...more }, control);

async function failure(job: Promise<unknown>): Promise<EspalierError> {
  const error: unknown = await job.then(
    () => new Error('expected a failure'),
    (cause: unknown) => cause,
  );
  if (!(error instanceof EspalierError)) throw error;
  expect(error.message.split('\n').length).toBeLessThanOrEqual(2);
  return error;
}

let report: Report;
let before: string;

beforeAll(async () => {
  await writeProject(root);
  renameSync(join(root, 'base'), base);
  before = sha256(join(base, 'model.safetensors'));
  report = await run(path('project', 'adapter'), recipeOf('adapt', { sparsity: 0.5 }));
});

const adapter = path('project', 'adapter');

describe('an adapter', () => {
  it('is bits and a head beside a base that stays as it was', async () => {
    expect(readdirSync(adapter).sort()).toEqual(
      ['adapter.safetensors', 'metrics.jsonl', 'recipe.yaml', 'report.json', 'report.md'].sort(),
    );
    expect(sha256(join(base, 'model.safetensors'))).toBe(before);
    const { tensors, metadata } = await readSafetensors(join(adapter, 'adapter.safetensors'));
    const original = await loadCheckpoint(base);
    const masks = [...tensors].filter(([name]) => name.startsWith('mask:'));
    const masked = [...original.tensors].filter(
      ([name, { shape }]) => shape.length === 2 && !name.includes('pooler'),
    );
    expect(masks.map(([name]) => name.slice(5)).sort()).toEqual(masked.map(([name]) => name).sort());
    for (const [name, { dtype, data: bits }] of masks) {
      const weights = original.tensors.get(name.slice(5))!.data;
      expect([dtype, bits.length], name).toEqual(['U8', Math.ceil(weights.length / 8)]);
    }
    const others = [...tensors.keys()].filter((name) => !name.startsWith('mask:'));
    expect(others.every((name) => name.startsWith('layer_mix.'))).toBe(true);
    expect(metadata['base']).toBe(join('..', 'adapters-base'));
    expect(JSON.parse(metadata['adapter']!)).toMatchObject({ task: 'classify', labels: ['sour', 'sweet'] });
  });

  it('reports its bytes, and the sparsity of the masked weights', async () => {
    const { masks } = await readAdapter(adapter);
    const { adapter: found } = report;
    const kept = [...masks.values()].reduce((sum, bits) => sum + countBits(bits), 0);
    expect(found!.sparsity).toBe(1 - kept / found!.weights);
    expect(found!.sparsity).toBeGreaterThan(0.5);
    expect(found!.sparsity).toBeLessThan(0.52);
    expect(found!.bytes).toBe(readFileSync(join(adapter, 'adapter.safetensors')).length);
    expect(found!.bits).toBeCloseTo(found!.weights / 8, -1);
    expect(found!.layers.map(({ name }) => name)).toEqual(['embeddings', 'block 0', 'block 1']);
    const weights = (parts: readonly { weights: number }[]): number =>
      parts.reduce((sum, part) => sum + part.weights, 0);
    expect(weights(found!.components)).toBe(found!.weights);
    expect(weights(found!.layers)).toBe(found!.weights);
    expect(readFileSync(join(adapter, 'report.md'), 'utf8')).toMatch(
      /\| block 1 +\| +[\d,]+ \| +\d+\.\d % \|/,
    );
  });

  it('is evaluated, inspected, exported and asked as the model it makes of its base', async () => {
    const { metrics } = await evaluate({ ...data, model: adapter }, control);
    expect(metrics).toEqual(report.metrics.compressed);
    const inspection = await inspect({ model: adapter });
    expect(inspection).toMatchObject({ format: 'adapter', bytes: report.adapter!.bytes });
    expect(inspection.adapter).toMatchObject({
      method: 'adapt',
      task: 'classify',
      layers: report.adapter!.layers,
    });
    const { scores } = await predict({ model: adapter, text: row(1).text });
    expect(Object.keys(scores)).toEqual(['sour', 'sweet']);
    const file = path('project', 'adapter.onnx');
    await exportModel({ model: adapter, to: 'onnx', out: file }, control);
    expect(existsSync(file)).toBe(true);
    expect(
      (await failure(exportModel({ model: adapter, to: 'hf', out: path('hf') }, control))).message,
    ).toMatch(/head "mix".*head=stock/);
  });

  it('finds a base that moved with --base, and says so without it', async () => {
    const place = path('project', 'elsewhere', 'adapter');
    cpSync(adapter, place, { recursive: true });
    const error = await failure(evaluate({ ...data, model: place }, control));
    expect(error.message).toMatch(
      /adapter\.safetensors: its base .* is not there; name where it is with --base DIR/,
    );
    const { metrics } = await evaluate({ ...data, model: place, base }, control);
    expect(metrics).toEqual(report.metrics.compressed);
    expect((await predict({ model: place, base, text: 'pears' })).label).toMatch(/sour|sweet/);
    expect((await failure(predict({ model: base, base, text: 'pears' }))).message).toMatch(/is no adapter/);
  });

  it('refuses another base by its hash, and names both', async () => {
    const other = path('project', 'other');
    const model = await loadCheckpoint(base);
    const name = 'bert.encoder.layer.1.output.LayerNorm.bias';
    const data_ = model.tensors.get(name)!.data.slice();
    data_[3]! += 1e-6;
    await saveCheckpoint(other, {
      ...model,
      tensors: new Map(model.tensors).set(name, { ...model.tensors.get(name)!, data: data_ }),
    });
    for (const job of [
      () => evaluate({ ...data, model: adapter, base: other }, control),
      () => predict({ model: adapter, base: other, text: 'pears' }),
      () => inspect({ model: adapter, base: other }),
    ]) {
      const { message, exitStatus } = await failure(job());
      expect(message).toMatch(
        /belongs to base .*base with SHA-256 [0-9a-f]{16}\.\.\., found .*other with [0-9a-f]{16}/,
      );
      expect(exitStatus).toBe(1);
    }
  });

  it('does not mind other heads of its base', async () => {
    const model = await loadCheckpoint(base);
    const bare = [...model.tensors].filter(([name]) => !name.includes('pooler'));
    expect(bare.length).toBeLessThan(model.tensors.size);
    await saveCheckpoint(path('project', 'bare'), { ...model, tensors: new Map(bare) });
    const { metrics } = await evaluate({ ...data, model: adapter, base: path('project', 'bare') }, control);
    expect(metrics).toEqual(report.metrics.compressed);
  });

  it.each([
    [
      'bits that are too few',
      /mask of "bert\.embeddings\.word_embeddings\.weight": expected 208 bits, found 25 bytes/,
      (tensors: Tensors) => {
        const name = 'mask:bert.embeddings.word_embeddings.weight';
        tensors.set(name, { dtype: 'U8', shape: [25], data: new Uint8Array(25) });
      },
    ],
    [
      'a mask of a tensor that is not there',
      /mask of "bert\.pooler\.dense\.weight": the base .* has no such tensor/,
      (tensors: Tensors) =>
        void tensors.set('mask:bert.pooler.dense.weight', {
          dtype: 'U8',
          shape: [32],
          data: new Uint8Array(32),
        }),
    ],
    [
      'half a head',
      /tensor "layer_mix\.output\.bias" \(layer mix\) is missing/,
      (tensors: Tensors) => void tensors.delete('layer_mix.output.bias'),
    ],
    [
      'integers',
      /tensor "layer_mix\.output\.bias": expected a mask of U8 or a head of F32, found I32/,
      (tensors: Tensors) =>
        void tensors.set('layer_mix.output.bias', { dtype: 'I32', shape: [2], data: new Int32Array(2) }),
    ],
    [
      'no numbers',
      /adapter\.safetensors: tensor "layer_mix\.output\.bias": expected finite .*found NaN/,
      (tensors: Tensors) => void tensors.set('layer_mix.output.bias', f32([2], Float32Array.of(0, NaN))),
    ],
  ])('with %s is refused', async (name, message, change) => {
    const place = path('project', name);
    cpSync(adapter, place, { recursive: true });
    const file = join(place, 'adapter.safetensors');
    const { tensors, metadata } = await readSafetensors(file);
    change(tensors);
    await writeSafetensors(file, tensors, metadata);
    expect((await failure(loadModel(place))).message).toMatch(message);
  });

  it('cut off, or without what it says of itself, is refused', async () => {
    const place = path('project', 'torn');
    cpSync(adapter, place, { recursive: true });
    const file = join(place, 'adapter.safetensors');
    const { tensors, metadata } = await readSafetensors(file);
    writeFileSync(file, readFileSync(file).subarray(0, -7));
    expect((await failure(loadModel(place))).message).toMatch(/adapter\.safetensors: .*truncated/);
    await writeSafetensors(file, tensors, { ...metadata, base_sha256: 'none' });
    expect((await failure(loadModel(place))).message).toMatch(/metadata "base_sha256"/);
    await writeSafetensors(file, tensors, { ...metadata, adapter: '{"task": 3}' });
    expect((await failure(loadModel(place))).message).toMatch(/metadata "adapter", task/);
  });
});

type Tensors = Awaited<ReturnType<typeof readSafetensors>>['tensors'];

describe('what training leaves', () => {
  it.each(['mix', 'stock'])('comes back from the file, logit by logit, with the head %s', async (head) => {
    const recipe = recipeOf('adapt', { head });
    const loaded = await loadRun({ ...data, model: base, seed: 0, maxLength: 16 }, control);
    const result = await runRecipe(withHead(loaded.model, loaded.task, 0), recipe, {
      ...{
        workload: taskWorkload(loaded),
        settings: settingsOf(settings),
        totalSteps: 12,
        seed: 0,
        threads: 1,
      },
      ...{ device: 'cpu', checkpointEvery: 100, fingerprint: '', control },
    });
    const out = path('project', `left ${head}`);
    mkdirSync(out);
    const method = adapterMethod(recipe)!;
    await writeAdapted(out, result, { method, base: loaded.model, task: loaded.task });
    const logitsOf = async (model: Model): Promise<Float32Array[]> => {
      const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: loaded.padId });
      const logits = await predictor.logits(loaded.dev);
      await predictor.release();
      return logits;
    };
    const restored = await loadModel(out);
    expect(modelBits(restored)).toEqual(modelBits(result.model));
    expect(await logitsOf(restored)).toEqual(await logitsOf(result.model));
  });

  it('is refused where a weight of the base is another', async () => {
    const before = await loadCheckpoint(base);
    const name = 'bert.encoder.layer.0.output.dense.bias';
    const other = { ...before.tensors.get(name)!, data: before.tensors.get(name)!.data.map(() => 1) };
    const after = { ...before, tensors: new Map(before.tensors).set(name, other) };
    const description = {
      task: 'classify',
      kind: 'classification',
      labels: ['a'],
      method: 'adapt',
      options: {},
    } as const;
    expect(() => adapterOf(before, after, [], { ...description, labels: ['a'] })).toThrow(
      /layer\.0\.output\.dense\.bias: a weight of the base changed, from 0 to 1/,
    );
  });
});

describe.each(['distilbert', 'roberta', 'electra', 'xlnet'] as const)('over %s', (name) => {
  it('an adapter is written and scored again', async () => {
    const model = path('project', name);
    await saveCheckpoint(model, tinyFamily(name));
    const out = path('project', `${name} adapter`);
    const { adapter: found, metrics } = await run(out, recipeOf('adapt', { sparsity: 0.5 }), { model });
    expect(found!.sparsity).toBeCloseTo(0.5, 1);
    expect(found!.layers.map((layer) => layer.name)).toEqual(['embeddings', 'block 0', 'block 1']);
    expect((await evaluate({ ...data, model: out }, control)).metrics).toEqual(metrics.compressed);
    await exportModel({ model: out, to: 'onnx', out: path('project', `${name}.onnx`) }, control);
  });
});

describe('compress with a recipe that leaves an adapter', () => {
  it.each(['adapt-random', 'adapt-magnitude', 'adapt-iterative'])(
    '%s prunes and leaves one too',
    async (name) => {
      const out = path('project', name);
      const { adapter: found, metrics } = await run(out, recipeOf(name, { sparsity: 0.75 }));
      expect(found!.sparsity).toBeCloseTo(0.75, 2);
      expect((await evaluate({ ...data, model: out }, control)).metrics).toEqual(metrics.compressed);
      expect(sha256(join(base, 'model.safetensors'))).toBe(before);
    },
  );

  it('with the stock head: --merge writes what the adapter makes of the base', async () => {
    const recipe = recipeOf('adapt', { head: 'stock', sparsity: 0.3 });
    const [beside, merged] = [path('project', 'stock'), path('project', 'merged')];
    const first = await run(beside, recipe);
    const second = await run(merged, recipe, { merge: true });
    expect(second.adapter).toBeUndefined();
    expect(second.metrics.packed?.accuracy).toBeDefined(); // a model is packed, an adapter is not
    expect({ ...second.metrics, packed: undefined }).toEqual(first.metrics);
    expect(modelBits(await loadCheckpoint(merged))).toEqual(modelBits(await loadModel(beside)));
    const exported = path('project', 'exported');
    await exportModel({ model: beside, to: 'hf', out: exported }, control);
    expect(modelBits(await loadCheckpoint(exported))).toEqual(modelBits(await loadModel(beside)));
    const config = JSON.parse(readFileSync(join(merged, 'config.json'), 'utf8')) as {
      architectures: string[];
    };
    expect(config.architectures).toEqual(['BertForSequenceClassification']);
  });

  it('compares with a dense model as the others do', async () => {
    const { metrics } = await run(path('project', 'compared'), recipeOf('adapt-magnitude'), {
      dense: undefined,
    });
    expect(metrics.dense!.accuracy).toBeGreaterThanOrEqual(0.5);
    expect(metrics.denseInt8).toBeDefined();
  });

  it('masks biases and LayerNorm when asked, or what a pattern names', async () => {
    const all = await run(path('project', 'all'), recipeOf('adapt-random', { biases: true }));
    const few = await run(path('project', 'few'), recipeOf('adapt-random', { names: 'query' }));
    expect(all.adapter!.weights).toBeGreaterThan(report.adapter!.weights);
    expect(few.adapter!.components.map(({ name }) => name)).toEqual(['query']);
    const error = await failure(run(path('none'), recipeOf('adapt', { names: 'rose' })));
    expect(error.message).toMatch(/no tensor of embeddings and encoder matches \/rose\//);
  });

  it.each([
    ['--merge with the mixed head', /--merge .*head "mix"; add --set head=stock/, { merge: true }],
    [
      '--merge with another recipe',
      /--merge is for adapt, /,
      { merge: true, recipe: builtinRecipe('magnitude') },
    ],
    ['the base as output', /--out .* is the base model/, { out: base, overwrite: true }],
    [
      'further stages',
      /"adapt" leaves the base as it is.*found 2 stages of adapt, magnitude/,
      {
        recipe: {
          name: 'two',
          stages: [{ methods: [{ name: 'adapt' }] }, { methods: [{ name: 'magnitude' }] }],
        },
      },
    ],
  ] as const)('refuses %s before it begins', async (_title, message, more) => {
    const error = await failure(
      run(path('refused'), builtinRecipe('adapt'), more as Partial<CompressOptions>),
    );
    expect(error.message).toMatch(message);
    expect(error.exitStatus).toBe(2);
    expect(existsSync(path('refused'))).toBe(false);
    expect(sha256(join(base, 'model.safetensors'))).toBe(before);
  });

  it('no adapter is a model to train', async () => {
    const error = await failure(finetune({ ...data, model: adapter, out: path('tuned'), settings }, control));
    expect(error.message).toMatch(/expected a model, found adapter\.safetensors.*\n.*export .* --to hf/);
  });

  it('resumes, and takes a finished run as it is', async () => {
    const out = path('project', 'stopped');
    let steps = 0;
    const stopping: RunControl = {
      onEvent({ type }) {
        if (type === 'step') steps++;
      },
      stopRequested: () => steps === 9,
    };
    const recipe = recipeOf('adapt', { sparsity: 0.5 });
    const options = { ...data, model: base, dense: null, out, recipe, settings };
    await expect(compress(options, stopping)).rejects.toThrow(/--resume/);
    const resumed = await compress({ ...options, resume: true }, control);
    expect(sha256(join(out, 'adapter.safetensors'))).toBe(sha256(join(adapter, 'adapter.safetensors')));
    expect((await compress({ ...options, resume: true }, control)).fingerprint).toBe(resumed.fingerprint);
    const notes: string[] = [];
    const noting: RunControl = {
      ...control,
      onEvent(event) {
        if (event.type === 'note') notes.push(event.message);
      },
    };
    const stock = recipeOf('adapt', { sparsity: 0.5, head: 'stock' });
    const merged = { ...options, recipe: stock, out: path('project', 'unmerged') };
    await compress(merged, control);
    await compress({ ...merged, merge: true, resume: true }, noting);
    expect(notes.at(-1)).toContain('--merge: ');
    expect(notes.at(-1)).toContain(`"espalier export ${merged.out} --to hf --out DIR"`);
    renameSync(join(out, 'report.json'), join(out, 'report.old'));
    rmSync(join(out, 'report.old'));
    expect((await failure(compress(options, control))).message).toMatch(
      /already holds .*adapter\.safetensors/,
    );
  });
});
