// The recipe `quantise` from end to end, on the garden language: a sparse model in, an int8 model with the same zeros
// out, which every later job runs as it was trained.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { gardenConfig, gardenTask, gardenTokenizerFiles } from '../../src/data/garden/garden.js';
import { checkLogits } from '../../src/export/check.js';
import { int8Bytes } from '../../src/export/int8.js';
import { openOnnx } from '../../src/export/onnx-predictor.js';
import { compressLoaded, compressSchema } from '../../src/jobs/compress.js';
import { exportModel } from '../../src/jobs/export.js';
import { type LoadedRun, modelHash, parseOptions, tokenizeRun } from '../../src/jobs/task-run.js';
import { magnitudeMask } from '../../src/methods/magnitude-mask.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { familyOf } from '../../src/models/families.js';
import { randomBert } from '../../src/models/initialise.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import type { RunControl } from '../../src/recipe/run.js';
import { maskHash, type Report } from '../../src/report/report.js';
import { evaluateModel } from '../../src/train/evaluation.js';
import { createPredictor } from '../../src/train/predictor.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };
const data = gardenTask('sentiment', 1, { train: 64, dev: 32 });

/** A model whose encoder matrices have lost 80 % of their weights. */
function sparseModel(): Model {
  const config = { ...gardenConfig(), initializer_range: 0.15 };
  const model = withHead(randomBert(config, 1, gardenTokenizerFiles()), data.task, 1);
  const { encoderLinear } = familyOf(model.config);
  for (const [name, { data: weights }] of model.tensors) {
    if (!encoderLinear.test(name)) continue;
    const mask = new Uint8Array(weights.length);
    magnitudeMask(weights, 0.8, mask);
    for (let i = 0; i < weights.length; i++) weights[i]! *= mask[i]!;
  }
  return model;
}

const before = sparseModel();
let loaded: LoadedRun;
let report: Report;

beforeAll(async () => {
  await saveCheckpoint(path('sparse'), before);
  loaded = tokenizeRun(await loadCheckpoint(path('sparse')), data, { seed: 1, maxLength: 32 }, control);
  const recipe = builtinRecipe('quantise');
  const options = parseOptions(
    compressSchema,
    {
      ...{
        task: 'sentiment',
        data: 'garden',
        model: path('sparse'),
        out: path('out'),
        threads: 1,
        onnx: true,
      },
      recipe,
      settings: { ...recipe.training, batchSize: 8, lr: 1e-3, maxLength: 32 },
    },
    'test',
  );
  report = await compressLoaded(loaded, options, control);
});

it('keeps the pattern of the float32 master weights, and trains them', async () => {
  const after = await loadCheckpoint(path('out'));
  expect(maskHash(after)).toBe(maskHash(before));
  expect(report.maskHash).toBe(maskHash(before));
  expect(report.sparsity.encoder).toBeCloseTo(0.8, 2);
  const { quantisation, ...master } = after;
  expect(Object.keys(quantisation!.layers)).toHaveLength(6 * before.config.num_hidden_layers + 1);
  expect(modelHash(master)).not.toBe(modelHash(before));
  expect(modelHash(master)).not.toBe(modelHash(after));
});

it('reports how many weights int8 rounds to zero', () => {
  const { weights, nonzero, rounded, matrices } = report.int8!;
  expect(rounded).toBeGreaterThan(0);
  expect(rounded).toBeLessThan(nonzero / 10);
  expect(nonzero).toBeLessThan(weights / 3);
  expect(Object.values(matrices).reduce((a, b) => a + b)).toBe(rounded);
  expect(readFileSync(path('out', 'report.md'), 'utf8')).toContain('rounded to zero');
});

it('the folder scores what was reported, as int8', async () => {
  const { quantisation, ...master } = await loadCheckpoint(path('out'));
  const scores = await Promise.all(
    [{ ...master, quantisation }, master].map(async (model) => {
      const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: loaded.padId });
      const found = await evaluateModel(predictor, loaded.task, loaded.dev);
      await predictor.release();
      return found;
    }),
  );
  expect(scores[0]).toEqual(report.metrics.compressed);
  expect(scores[1]!.loss).not.toBe(scores[0]!.loss);
});

it('writes float32 ONNX of the master weights, and its record with a copy', async () => {
  const { quantisation, ...master } = await loadCheckpoint(path('out'));
  const onnx = await openOnnx(join(path('out'), 'onnx', 'model.onnx'), 1);
  expect(await checkLogits('onnx', master, onnx, { threads: 1 })).toBeLessThan(1e-4);
  await onnx.release();
  const { largestDifference } = await exportModel(
    { model: path('out'), to: 'hf', out: path('copy'), threads: 1 },
    control,
  );
  expect(largestDifference).toBe(0);
  expect((await loadCheckpoint(path('copy'))).quantisation).toEqual(quantisation);
});

it('writes the integer form, which decides as the trained model does', async () => {
  const model = await loadCheckpoint(path('out'));
  const file = join(path('out'), 'onnx', 'model_quantized.onnx');
  expect(new Uint8Array(readFileSync(file))).toEqual(int8Bytes(model, model.quantisation!));
  const { denseInt8, compressed, onnxInt8 } = report.metrics;
  expect(onnxInt8!.accuracy).toBe(compressed!.accuracy);
  expect(onnxInt8!.loss).toBeCloseTo(compressed!.loss!, 3);
  expect(denseInt8!.majority).toBe(compressed!.majority);
  expect(report.bytes.onnxInt8).toBe(readFileSync(file).length);
});

it('a later run in the same folder leaves no record behind', async () => {
  const recipe = builtinRecipe('lock');
  const options = {
    ...{ task: 'sentiment', data: 'garden', model: path('sparse'), out: path('out'), threads: 1 },
    ...{ recipe, overwrite: true, settings: { steps: 1, batchSize: 8, maxLength: 32 } },
  };
  await compressLoaded(loaded, parseOptions(compressSchema, options, 'test'), control);
  expect(existsSync(path('out', 'quantisation.json'))).toBe(false);
  expect((await loadCheckpoint(path('out'))).quantisation).toBeUndefined();
});
