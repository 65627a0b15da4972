// Pre-training from end to end on stories of the garden language: from scratch, pruned, and on to a task.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  gardenConfig,
  gardenDocuments,
  gardenTask,
  gardenTokenizerFiles,
} from '../../src/data/garden/garden.js';
import { Interrupted } from '../../src/errors.js';
import { compress } from '../../src/jobs/compress.js';
import { pretrain, type PretrainOptions } from '../../src/jobs/pretrain.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { setOption } from '../../src/recipe/recipe.js';
import type { RunControl, RunEvent } from '../../src/recipe/run.js';
import { maskHash, type Report } from '../../src/report/report.js';
import { temporaryFolder } from '../support/temporary.js';
import { modelBits } from '../support/training.js';

const path = temporaryFolder();
const quiet: RunControl = { onEvent: () => {}, stopRequested: () => false };
const settings = { steps: 12, batchSize: 4, maxLength: 24, lr: 2e-3 };
const common = { corpus: [path('text')], settings, threads: 1, heldSequences: 16 };
const scratch = { ...common, config: path('model') };

beforeAll(async () => {
  process.env['ESPALIER_CACHE'] = path('cache');
  for (const folder of ['text', 'model', 'task']) mkdirSync(path(folder));
  for (const [name, bytes] of gardenTokenizerFiles()) writeFileSync(path('model', name), bytes);
  const small = { ...gardenConfig(), hidden_size: 16, intermediate_size: 32 };
  writeFileSync(path('model', 'config.json'), JSON.stringify(small));
  for (const [i, document] of gardenDocuments(1, 60).entries()) {
    writeFileSync(path('text', `${i}.txt`), `\ufeff${document.join('\r\n')}\r\n`);
  }
  const { train, dev } = gardenTask('sentiment', 1, { train: 48, dev: 16 });
  for (const [name, rows] of Object.entries({ train, dev })) {
    const lines = rows.map(({ text, label }) => JSON.stringify({ text, label: label ? 'good' : 'bad' }));
    writeFileSync(path('task', `${name}.jsonl`), lines.join('\n'));
  }
  await pretrain({ ...scratch, out: path('dense') }, quiet);
});

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('from scratch', () => {
  it('writes what transformers calls BertForPreTraining, and scores on held-out text', async () => {
    const { config, tensors } = await loadCheckpoint(path('dense'));
    expect(config.architectures).toEqual(['BertForPreTraining']);
    expect(tensors.has('cls.predictions.decoder.weight')).toBe(false); // tied
    const report = JSON.parse(readFileSync(path('dense', 'report.json'), 'utf8')) as Report;
    expect(Object.keys(report.metrics)).toEqual(['dense']);
    expect(Object.keys(report.metrics.dense!).sort()).toEqual(
      ['mlmAccuracy', 'mlmLoss', 'nspAccuracy', 'nspLoss', 'nspMajority'].sort(),
    );
    expect(report.metrics.dense!['mlmLoss']).toBeLessThan(Math.log(config.vocab_size)); // of a uniform guess
    expect(report.data.sha256).toHaveLength(60);
  });

  it('goes on after a stop to the same bits', async () => {
    let steps = 0;
    const stopping: RunControl = {
      onEvent: (event: RunEvent) => (steps += event.type === 'step' ? 1 : 0),
      stopRequested: () => steps === 5,
    };
    const out = path('stopped');
    expect(await failure(pretrain({ ...scratch, out }, stopping))).toBeInstanceOf(Interrupted);
    await pretrain({ ...scratch, out, resume: true }, quiet);
    expect(modelBits(await loadCheckpoint(out))).toEqual(modelBits(await loadCheckpoint(path('dense'))));
  });

  it('learns masked words alone without pairs, and in passes', async () => {
    const options = { ...scratch, nextSentence: false, masking: 'bernoulli', wholeWord: true } as const;
    const report = await pretrain(
      { ...options, settings: { ...settings, microBatchSize: 2 }, out: path('words') },
      quiet,
    );
    expect(Object.keys(report.metrics.dense!).sort()).toEqual(['mlmAccuracy', 'mlmLoss']);
    const { config } = await loadCheckpoint(path('words'));
    expect(config.architectures).toEqual(['BertForMaskedLM']);
  });
});

describe('Prune Once for All', () => {
  const sparse = setOption(builtinRecipe('prune-once-int8'), 'sparsity', 0.75);
  const task = { task: 'classify', data: path('task'), threads: 1, settings: { ...settings, steps: 8 } };
  beforeAll(async () => {
    const options: PretrainOptions = { ...common, init: path('dense'), recipe: sparse, out: path('sparse') };
    await pretrain(options, quiet);
  });

  it('prunes every matrix of the encoder and the pooler to 1 / n of the target, and records the dense model', async () => {
    const report = JSON.parse(readFileSync(path('sparse', 'report.json'), 'utf8')) as Report;
    const { tensors } = await loadCheckpoint(path('sparse'));
    for (const [name, sparsity] of Object.entries(report.sparsity.matrices)) {
      expect(Math.abs(sparsity - 0.75)).toBeLessThanOrEqual(1 / tensors.get(name)!.data.length);
    }
    const pooler = tensors.get('bert.pooler.dense.weight')!.data;
    expect(pooler.filter((weight) => weight === 0)).toHaveLength(pooler.length * 0.75);
    expect(report.dense).toBe(path('dense'));
    expect(Object.keys(report.metrics).sort()).toEqual(['compressed', 'dense']);
  });

  it('goes to a task with its pattern, taught by the dense model it recorded, down to int8', async () => {
    const out = path('task-int8');
    const report = await compress({ ...task, model: path('sparse'), recipe: sparse, out }, quiet);
    expect(report.maskHash).toBe(maskHash(await loadCheckpoint(path('sparse'))));
    expect(report.metrics.dense).toBeDefined();
    expect(existsSync(join(out, 'quantisation.json'))).toBe(true);
    expect(report.recipe.stages.map(({ stage }) => stage)).not.toContain('train');
  });

  it('says that it trains on labels alone when the dense model is gone', async () => {
    const report = path('sparse', 'report.json');
    const text = readFileSync(report, 'utf8');
    writeFileSync(report, JSON.stringify({ ...(JSON.parse(text) as Report), dense: path('gone') }));
    const notes: string[] = [];
    const control: RunControl = {
      ...quiet,
      onEvent: (event) => event.type === 'note' && notes.push(event.message),
    };
    const options = {
      ...task,
      model: path('sparse'),
      recipe: builtinRecipe('prune-once'),
      out: path('alone'),
    };
    const { metrics } = await compress(options, control);
    writeFileSync(report, text);
    expect(metrics.dense).toBeUndefined();
    expect(notes.join('\n')).toContain('trained on labels alone');
  });

  it('refuses a dense model in compress and names the command that prunes it', async () => {
    const options = { ...task, model: path('dense'), recipe: sparse, out: path('refused') };
    const error = await failure(compress(options, quiet));
    expect(error).toMatchObject({ exitStatus: 2 });
    expect(String(error)).toContain('espalier pretrain --recipe prune-once-int8');
    expect(existsSync(path('refused'))).toBe(false);
  });
});

describe('bad input', () => {
  it.each([
    ['neither --init nor --config', { ...common }, '--init DIR or from --config FILE'],
    ['a corpus that is not there', { ...scratch, corpus: [path('nothing', '*.txt')] }, 'nothing'],
    ['too long sequences', { ...scratch, settings: { ...settings, maxLength: 300 } }, '256 positions'],
    ['too little text', { ...scratch, settings: { ...settings, batchSize: 5000 } }, 'give more text'],
    ['a teacher without a head', { ...scratch, teacher: path('headless') }, 'has no head of masked words'],
  ])('%s', async (_, options, message) => {
    if ('teacher' in options) await writeHeadless();
    const out = path('bad');
    expect(String(await failure(pretrain({ ...options, out }, quiet)))).toContain(message);
    expect(existsSync(join(out, 'model.safetensors'))).toBe(false);
  });

  async function writeHeadless(): Promise<void> {
    const model = await loadCheckpoint(path('dense'));
    const encoder = [...model.tensors].filter(([name]) => name.startsWith('bert.'));
    await saveCheckpoint(path('headless'), { ...model, tensors: new Map(encoder) });
  }
});
