// Every family but BERT from end to end: pruned and quantised on a task, read back, scored, exported, inspected.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { compress } from '../../src/jobs/compress.js';
import { evaluate } from '../../src/jobs/evaluate.js';
import { exportModel } from '../../src/jobs/export.js';
import { inspect } from '../../src/jobs/inspect.js';
import { predict } from '../../src/jobs/predict.js';
import { pretrain } from '../../src/jobs/pretrain.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { parseRecipe } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import type { Report } from '../../src/report/report.js';
import { writeProject } from '../support/cli.js';
import { type FamilyName, tinyFamily } from '../support/families.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };
const data = { task: 'classify', data: join(root, 'classify'), threads: 1 };
const settings = { steps: 80, batchSize: 8, maxLength: 24, lr: 5e-3 };
const recipe = parseRecipe(
  {
    name: 'sparse-int8',
    stages: [
      { stage: 'finetune', methods: [{ name: 'prune-once', sparsity: 0.5 }] },
      { stage: 'finetune', methods: [{ name: 'lock' }, { name: 'quantise' }] },
    ],
  },
  'recipe',
);

const INPUTS: Record<FamilyName, readonly string[]> = {
  distilbert: ['attention_mask', 'input_ids'],
  roberta: ['attention_mask', 'input_ids'],
  electra: ['attention_mask', 'input_ids', 'token_type_ids'],
};

beforeAll(() => writeProject(root));

describe.each(['distilbert', 'roberta', 'electra'] as const)('%s', (name) => {
  const out = path(name, 'out');
  let report: Report;
  beforeAll(async () => {
    await saveCheckpoint(path(name, 'base'), tinyFamily(name));
    const options = { ...data, model: path(name, 'base'), out, recipe, settings, onnx: true };
    report = await compress(options, control);
  });

  it('learns the task with half of its encoder weights, all in its own names', async () => {
    expect(report.sparsity.encoder).toBeCloseTo(0.5, 2);
    expect(report.metrics.dense!.accuracy).toBe(1);
    expect(report.metrics.compressed!.accuracy).toBeGreaterThanOrEqual(0.9);
    const model = await loadCheckpoint(out);
    expect(model.family).toBe(name);
    expect(Object.keys(model.quantisation!.layers).every((layer) => layer.startsWith(`${name}.`))).toBe(true);
    expect(existsSync(join(out, 'tokenizer.json'))).toBe(true);
  });

  it('is scored and used alike as folder and as file', async () => {
    const folder = await evaluate({ ...data, model: out }, control);
    expect(folder.metrics.accuracy).toBe(report.metrics.compressed!.accuracy);
    const int8 = await evaluate({ ...data, model: join(out, 'onnx', 'model_quantized.onnx') }, control);
    expect(int8.metrics.accuracy).toBe(folder.metrics.accuracy);
    const text = 'the pears were very sweet';
    const of = async (model: string): Promise<string> => (await predict({ model, text, threads: 1 })).label;
    expect(await of(join(out, 'onnx', 'model.onnx'))).toBe('sweet');
    expect(await of(out)).toBe('sweet');
  });

  it.each([undefined, 'dynamic', 'static'] as const)('is exported to int8 (%s)', async (int8) => {
    const file = path(name, `${int8}.onnx`);
    const options = { ...data, model: out, to: 'onnx-int8', out: file, int8 } as const;
    const { agreement } = await exportModel(options, control);
    expect(agreement).toBeGreaterThanOrEqual(0.995);
  });

  it('has the inputs in ONNX that its users give it', async () => {
    const session = await InferenceSession.create(readFileSync(join(out, 'onnx', 'model.onnx')));
    expect([...session.inputNames].sort()).toEqual(INPUTS[name]);
    await session.release();
  });

  it('is inspected by component', async () => {
    const { components, family, patterns } = await inspect({ model: out });
    expect(family).toBe(name);
    expect(components.map(({ component }) => component)).toEqual([
      'word embeddings',
      'other embeddings',
      ...['query', 'key', 'value', 'attention output', 'feed-forward in', 'feed-forward out'],
      'biases and LayerNorm',
      'heads',
    ]);
    expect(patterns).toHaveLength(4); // query and key of two blocks
  });

  it('is refused by pre-training, which knows the heads of BERT', async () => {
    const options = {
      corpus: [join(root, 'classify', 'train.tsv')],
      init: path(name, 'base'),
      out: path('no'),
    };
    await expect(pretrain(options, control)).rejects.toThrow(`expected model_type bert, found ${name}`);
  });
});
