// Heads and neurons removed on a task, from end to end: every later job takes the ragged model, stock tools take the
// padded one, and the search tries every schedule and can be stopped.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Interrupted, UsageError } from '../../src/errors.js';
import { compress, type CompressOptions } from '../../src/jobs/compress.js';
import { evaluate } from '../../src/jobs/evaluate.js';
import { exportModel } from '../../src/jobs/export.js';
import { finetune } from '../../src/jobs/finetune.js';
import { inspect } from '../../src/jobs/inspect.js';
import { predict } from '../../src/jobs/predict.js';
import { pretrain } from '../../src/jobs/pretrain.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { familyOf } from '../../src/models/families.js';
import { groupsOf, keepGroups } from '../../src/models/groups.js';
import type { Model } from '../../src/models/model.js';
import { structureOf, withStructure } from '../../src/models/structure.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { type Recipe, setOptions } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import type { Report } from '../../src/report/report.js';
import { espalier, writeProject } from '../support/cli.js';
import { tinyFamily } from '../support/families.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };
const data = { task: 'classify', data: join(root, 'classify'), threads: 1 };
const settings = { steps: 40, batchSize: 8, maxLength: 16, lr: 5e-3 };
const recipe = (options: Record<string, unknown> = {}): Recipe =>
  setOptions(builtinRecipe('structured'), Object.entries({ heads: 0.5, neurons: 0.3, ...options }));
const run = (options: Partial<CompressOptions>, of = control): Promise<Report> => {
  const common = { ...data, model: join(root, 'base'), out: path('out'), recipe: recipe(), settings };
  return compress({ ...common, ...options }, of);
};
const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
const parameters = ({ tensors }: Model): number => sum([...tensors.values()].map(({ data: d }) => d.length));

beforeAll(async () => {
  process.env['ESPALIER_CACHE'] = path('cache');
  await writeProject(root);
});

describe('a model without half of its heads and three tenths of its neurons', () => {
  const out = path('ragged');
  let report: Report;
  beforeAll(async () => {
    report = await run({ out, onnx: true });
  });

  it('knows the task, and what it has lost is in its report', async () => {
    expect(report.metrics.dense!.accuracy).toBe(1);
    expect(report.metrics.compressed!.accuracy).toBeGreaterThanOrEqual(0.9);
    const { heads, neurons, before } = report.structure!;
    expect(before).toEqual({ heads: [2, 2], neurons: [32, 32] });
    expect([sum(heads), sum(neurons)]).toEqual([2, 64 - 19]);
    const model = await loadCheckpoint(out);
    expect(structureOf(model.config)).toEqual({ heads, neurons });
    const lost = 2 * (4 * 8 * 16 + 3 * 8) + 19 * (2 * 16 + 1);
    expect(report.parameters.total).toBe(parameters(model));
    expect(report.parameters.before!.total).toBe(parameters(model) + lost);
    expect(report.sparsity.encoder).toBe(0); // what is gone is no zero
    const text = readFileSync(join(out, 'report.md'), 'utf8');
    expect(text).toContain(`${heads.join(' ')}; before 2 2`);
    expect(text).toContain(`${neurons.join(' ')}; before 32 32`);
  });

  it('is scored, used and inspected as it is, and as ONNX files', async () => {
    const files = ['', 'onnx/model.onnx', 'onnx/model_quantized.onnx'].map((file) => join(out, file));
    for (const model of files) {
      const { metrics } = await evaluate({ ...data, model }, control);
      expect(metrics.accuracy, model).toBe(report.metrics.compressed!.accuracy);
      expect((await predict({ model, text: 'the pears were very sweet', threads: 1 })).label).toBe('sweet');
    }
    const { structure } = await inspect({ model: out });
    expect(structure).toEqual({ heads: report.structure!.heads, neurons: report.structure!.neurons });
    const printed = await espalier(root, 'inspect', out);
    expect(printed.stdout).toContain(
      `heads by block: ${structure!.heads.join(' ')}; feed-forward neurons by block: ${structure!.neurons.join(' ')}`,
    );
  });

  it.each(['dynamic', 'static'] as const)('is exported to int8 (%s)', async (int8) => {
    const file = path(`${int8}.onnx`);
    const { agreement } = await exportModel(
      { ...data, model: out, to: 'onnx-int8', out: file, int8 },
      control,
    );
    expect(agreement).toBeGreaterThanOrEqual(0.995);
  });

  it('is padded with zeros for stock tools, said to be larger, and computes the same', async () => {
    const notes: string[] = [];
    const listening: RunControl = {
      ...control,
      onEvent(event) {
        if (event.type === 'note') notes.push(event.message);
      },
    };
    const padded = path('padded');
    const written = await exportModel({ ...data, model: out, to: 'hf', out: padded }, listening);
    expect(written.largestDifference).toBeLessThan(1e-5);
    expect(written.metrics!.accuracy).toBe(report.metrics.compressed!.accuracy);
    expect(notes.join()).toMatch(/padded with zeros, [\d,]+ parameters instead of [\d,]+/);
    const config = JSON.parse(readFileSync(join(padded, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config).not.toHaveProperty('espalier');
    expect(config['num_attention_heads']).toBe(2);
    const widest = Math.max(...report.structure!.neurons);
    expect(config['intermediate_size']).toBe(widest);
    const { tensors } = await loadCheckpoint(padded);
    expect(tensors.get('bert.encoder.layer.1.attention.self.query.weight')!.shape).toEqual([16, 16]);
    expect(tensors.get('bert.encoder.layer.1.output.dense.weight')!.shape).toEqual([16, widest]);
  });

  it('is fine-tuned, pruned by magnitude, quantised and cut again', async () => {
    const again = path('again');
    await finetune({ ...data, model: out, out: again, settings: { ...settings, steps: 2 } }, control);
    expect(structureOf((await loadCheckpoint(again)).config).heads).toEqual(report.structure!.heads);
    const on = (name: string, from: string, options: readonly [string, unknown][] = []): Promise<Report> =>
      run({
        model: from,
        out: path(name),
        dense: null,
        recipe: setOptions(builtinRecipe(name), options),
        settings: { ...settings, steps: 4 },
        ...(name === 'quantise' && { teacher: out }),
      });
    const sparse = await on('magnitude', again, [['sparsity', 0.5]]);
    expect(sparse.sparsity.encoder).toBeCloseTo(0.5, 1);
    await on('quantise', path('magnitude'), [['weights', 'per-channel']]);
    const file = path('trained.onnx');
    const int8 = await exportModel({ ...data, model: path('quantise'), to: 'onnx-int8', out: file }, control);
    expect(int8.agreement).toBeGreaterThanOrEqual(0.995);
    const padded = { ...data, model: path('quantise'), to: 'hf', out: path('quantised-padded') } as const;
    await exportModel(padded, control);
    expect(existsSync(path('quantised-padded', 'quantisation.json'))).toBe(false); // float32 master weights
    const twice = await on('structured', path('quantise'), [['neurons', 0.5]]);
    expect(twice.structure!.before.neurons).toEqual(report.structure!.neurons);
    expect(sum(twice.structure!.neurons)).toBe(Math.ceil((64 - 19) / 2));
  });
});

it('blocks without heads and neurons go through every file', async () => {
  const { source, ...base } = await loadCheckpoint(path('ragged'));
  const tensors = new Map(base.tensors);
  const [groups, lost] = [groupsOf(familyOf(base.config).blocks!, base.config), base.config.espalier!];
  keepGroups(tensors, groups.heads[0]!, []);
  keepGroups(tensors, groups.neurons[1]!, []);
  const config = withStructure(base.config, { heads: [0, lost.heads![1]!], neurons: [lost.neurons![0]!, 0] });
  const out = path('empty');
  await saveCheckpoint(out, { ...base, source, config, tensors });
  const files = { onnx: path('empty.onnx'), hf: path('empty-padded') } as const;
  for (const to of ['onnx', 'hf'] as const) {
    const { largestDifference } = await exportModel({ model: out, to, out: files[to] }, control);
    expect(largestDifference, to).toBeLessThan(1e-5);
  }
  for (const int8 of ['static', 'dynamic'] as const) {
    const options = { ...data, model: out, to: 'onnx-int8', out: path(`empty-${int8}.onnx`), int8 } as const;
    expect((await exportModel(options, control)).agreement).toBeGreaterThanOrEqual(0.995);
  }
  const short = { ...settings, steps: 4 };
  const recipe = builtinRecipe('quantise');
  await run({
    model: out,
    out: path('empty-8'),
    recipe,
    settings: short,
    dense: null,
    teacher: out,
    onnx: true,
  });
  expect((await loadCheckpoint(path('empty-8'))).config.espalier).toEqual(config.espalier);
});

it.each(['distilbert', 'roberta', 'electra'] as const)('%s goes the same way', async (name) => {
  await saveCheckpoint(path(name, 'base'), tinyFamily(name));
  const out = path(name, 'out');
  const report = await run({
    model: path(name, 'base'),
    out,
    settings: { ...settings, steps: 12 },
    dense: null,
    onnx: true,
  });
  expect(sum(report.structure!.heads)).toBe(2);
  const onnx = await evaluate({ ...data, model: join(out, 'onnx', 'model.onnx') }, control);
  expect(onnx.metrics.accuracy).toBe(report.metrics.compressed!.accuracy);
  const padded = await exportModel({ ...data, model: out, to: 'hf', out: path(name, 'padded') }, control);
  expect(padded.largestDifference).toBeLessThan(1e-5);
});

it('heads and neurons go in pre-training too, and the result is a base for tasks', async () => {
  const lines = Array.from({ length: 60 }, (_, i) => `the pears were ${'very '.repeat(i % 3)}sweet`);
  writeFileSync(path('text.txt'), lines.join('\n'));
  const out = path('pretrained');
  const { structure } = await pretrain(
    {
      ...{
        corpus: [path('text.txt')],
        init: join(root, 'base'),
        heldFraction: 0.3,
        documents: 'line',
        threads: 1,
      },
      ...{ nextSentence: false, recipe: recipe({ score: 'gradient', scoreSteps: 1, rounds: 2 }), out },
      settings: { steps: 6, batchSize: 4, maxLength: 16 },
    },
    control,
  );
  expect(sum(structure!.heads)).toBe(2);
  const task = { ...data, model: out, out: path('of-pretrained'), settings: { ...settings, steps: 2 } };
  await finetune(task, control);
  expect(structureOf((await loadCheckpoint(task.out)).config).neurons).toEqual(structure!.neurons);
});

it('refuses to remove every head before anything is trained or written', async () => {
  const events: string[] = [];
  const watching: RunControl = { ...control, onEvent: ({ type }) => void events.push(type) };
  const all = run({ recipe: recipe({ heads: 1 }), out: path('headless') }, watching);
  await expect(all).rejects.toThrow(UsageError);
  await expect(all).rejects.toThrow('option "heads": expected less than 1');
  expect(events).not.toContain('stage');
  expect(existsSync(path('headless'))).toBe(false);
});

describe('the search for a schedule', () => {
  const options = { settings: { ...settings, steps: 8 }, search: true, dense: null, pack: false } as const;
  const cellsOf = ({ search }: Report): readonly object[] => search!.cells;

  it('tries five schedules on examples held out of train, and writes the best with its log', async () => {
    const report = await run({ ...options, out: path('searched'), keepCheckpoints: true });
    const { metric, heldRows, cells } = report.search!;
    expect([metric, heldRows]).toEqual(['accuracy', 4]);
    expect(cells.map(({ schedule, rounds }) => `${schedule}-${rounds}`)).toEqual([
      'one-shot-1',
      ...['linear-2', 'linear-4', 'cubic-2', 'cubic-4'],
    ]);
    const chosen = cells.filter((cell) => cell.chosen);
    expect(chosen).toHaveLength(1);
    const { schedule, rounds, score } = chosen[0]!;
    expect(score).toBe(Math.max(...cells.map((cell) => cell.score)));
    expect(report.recipe.stages[0]!.methods[0]).toMatchObject({ schedule, rounds });
    expect(report.settings['trainRows']).toBe(36);
    const cell = path('searched', 'checkpoints', 'search', `${schedule}-${rounds}`);
    const logOf = (folder: string): string => readFileSync(join(folder, 'metrics.jsonl'), 'utf8');
    expect(logOf(path('searched'))).toBe(logOf(cell));
    const written = readFileSync(path('searched', 'model.safetensors'));
    expect(written.equals(readFileSync(join(cell, 'structured-0', 'finished', 'model.safetensors')))).toBe(
      true,
    );
    expect(readFileSync(path('searched', 'report.md'), 'utf8')).toMatch(/## Schedules[^]*one-shot[^]*chosen/);
  });

  it('goes on where it was stopped, with the cells that are done', async () => {
    const whole = await run({ ...options, out: path('whole') });
    let steps = 0;
    const stopping: RunControl = {
      onEvent(event) {
        if (event.type === 'step') steps++;
      },
      stopRequested: () => steps === 20, // in the third cell
    };
    await expect(run({ ...options, out: path('stopped') }, stopping)).rejects.toThrow(Interrupted);
    const stages: string[] = [];
    let resumed = 0;
    const counting: RunControl = {
      onEvent: (event) => {
        if (event.type === 'stage') stages.push(event.name);
        if (event.type === 'step') resumed++;
      },
      stopRequested: () => false,
    };
    const report = await run({ ...options, out: path('stopped'), resume: true }, counting);
    expect([stages.length, resumed]).toEqual([3, 20]);
    expect(cellsOf(report)).toEqual(cellsOf(whole));
    expect(report.fingerprint).toBe(whole.fingerprint);
    expect(readFileSync(path('stopped', 'model.safetensors'))).toEqual(
      readFileSync(path('whole', 'model.safetensors')),
    );
  });

  it('is refused for other recipes, before anything is read or written', async () => {
    const other = run({
      search: true,
      recipe: builtinRecipe('magnitude'),
      model: 'nowhere',
      out: path('none'),
    });
    await expect(other).rejects.toThrow(UsageError);
    await expect(other).rejects.toThrow(
      '--search looks for the schedule of method "structured", which recipe "magnitude" has not',
    );
    const flags = [
      '--model',
      'base',
      '--task',
      'classify',
      '--data',
      'classify',
      '--out',
      'none',
      '--search',
    ];
    const { status, stderr } = await espalier(root, 'compress', ...flags, '--recipe', 'nip');
    expect(status).toBe(2);
    expect(stderr).toMatch(/--search looks for/);
    expect(existsSync(join(root, 'none'))).toBe(false);
  });
});
