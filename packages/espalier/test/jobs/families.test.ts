// Every family but BERT from end to end: pruned and quantised on a task, read back, scored, exported, inspected.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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
import { familyOf } from '../../src/models/families.js';
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
  xlnet: ['attention_mask', 'input_ids', 'token_type_ids'],
};

const TOKENIZER: Record<FamilyName, readonly string[]> = {
  distilbert: ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt'],
  roberta: ['merges.txt', 'tokenizer.json', 'vocab.json'],
  electra: ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt'],
  xlnet: ['spiece.model', 'tokenizer.json', 'tokenizer_config.json'],
};

/** Layers in int8, and those of them whose output stays float32: what a residual or the weighted sum follows. */
const INT8: Record<FamilyName, { readonly layers: number; readonly float: number }> = {
  distilbert: { layers: 12, float: 6 }, // in each of two blocks: value, attention's output, the narrow layer
  roberta: { layers: 12, float: 6 },
  electra: { layers: 13, float: 7 }, // and the projection of the embeddings
  xlnet: { layers: 4, float: 2 }, // the two of the wide layer
};

beforeAll(async () => {
  process.env['ESPALIER_CACHE'] = path('cache');
  await writeProject(root);
});

describe.each(['distilbert', 'roberta', 'electra', 'xlnet'] as const)('%s', (name) => {
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
    const layers = Object.entries(model.quantisation!.layers);
    expect(layers.every(([layer]) => layer.startsWith(familyOf(model.config).prefix))).toBe(true);
    const float = layers.filter(([, { output }]) => output === undefined).map(([layer]) => layer);
    expect({ layers: layers.length, float: float.length }).toEqual(INT8[name]);
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

  it('is exported to a folder, and again over it', async () => {
    const options = { model: out, to: 'hf', out: path(name, 'hf'), threads: 1 } as const;
    await exportModel(options, control);
    expect((await exportModel({ ...options, overwrite: true }, control)).largestDifference).toBe(0);
    const { tensors, tokenizerFiles } = await loadCheckpoint(path(name, 'hf'));
    expect([...tensors.keys()].sort()).toEqual([...(await loadCheckpoint(out)).tensors.keys()].sort());
    expect([...tokenizerFiles.keys()].sort()).toEqual(TOKENIZER[name]);
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
      ...['query', 'key', 'value', 'attention output', ...(name === 'xlnet' ? ['distances'] : [])],
      ...['feed-forward in', 'feed-forward out'],
      'biases and LayerNorm',
      'heads',
    ]);
    expect(patterns).toHaveLength(4); // query and key of two blocks
  });

  it('is pre-trained on masked words, and refused the next sentence', async () => {
    const sentences = Array.from({ length: 60 }, (_, i) => `the pears were ${'very '.repeat(i % 3)}sweet`);
    writeFileSync(path(name, 'text.txt'), sentences.join('\n'));
    const options = {
      corpus: [path(name, 'text.txt')],
      init: path(name, 'base'),
      heldFraction: 0.3,
      threads: 1,
    };
    const steps = { steps: 60, batchSize: 4, maxLength: 16, lr: 5e-3 };
    const words = { ...options, settings: steps, documents: 'line', nextSentence: false } as const;
    const { metrics } = await pretrain({ ...words, out: path(name, 'words') }, control);
    const { config, tensors } = await loadCheckpoint(path(name, 'words'));
    expect(metrics.dense!['mlmLoss']).toBeLessThan(0.8 * Math.log(config.vocab_size)); // of a uniform guess
    expect(config.architectures).toEqual([expect.stringMatching(/ForMaskedLM$|LMHeadModel$/) as string]);
    expect(tensors.has(familyOf(config).words.bias)).toBe(true);
    await expect(pretrain({ ...options, out: path(name, 'pairs') }, control)).rejects.toThrow(
      `${name} has no head for the next sentence; give --no-next-sentence`,
    );
  });
});
