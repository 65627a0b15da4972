// A grid on a tiny project: every cell once, killed and extended without loss, failures kept apart.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compare, type CompareOptions, type CompareResult } from '../../src/jobs/compare.js';
import { finetune } from '../../src/jobs/finetune.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { setOption } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import { espalier, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };

const options = (out: string, more: Partial<CompareOptions> = {}): CompareOptions => ({
  models: [join(root, 'base')],
  tasks: ['classify'],
  data: join(root, 'classify'),
  recipes: [builtinRecipe('magnitude'), builtinRecipe('distil')],
  sparsities: [0.5, 0.8],
  seeds: 2,
  threads: 1,
  settings: { steps: 6, batchSize: 8, maxLength: 16, lr: 5e-3 },
  out: path(out),
  ...more,
});

/** What a grid found, without times. */
const scoresOf = ({ cells }: CompareResult) => cells.map((cell) => ({ ...cell, seconds: 0 }));

/** A control that counts training steps and stops a run at one of them. */
function stopping(at: number): RunControl & { steps: number } {
  const counter = {
    steps: 0,
    onEvent: (event: { type: string }) => {
      if (event.type === 'step') counter.steps++;
    },
    stopRequested: () => counter.steps >= at,
  };
  return counter;
}

let whole: CompareResult;

beforeAll(async () => {
  await writeProject(root);
  whole = await compare(options('whole'), control);
});

describe('compare', () => {
  it('computes every cell once: recipes without a sparsity have one', () => {
    expect(whole.failed).toEqual([]);
    const names = ['dense null', 'magnitude 0.5', 'magnitude 0.8', 'distil null'];
    expect(whole.cells.map((cell) => `${cell.recipe} ${String(cell.sparsity)}`)).toEqual([
      ...names,
      ...names,
    ]);
    expect(
      whole.cells.filter(({ recipe }) => recipe === 'magnitude').map(({ encoder }) => encoder.toFixed(2)),
    ).toEqual(['0.50', '0.80', '0.50', '0.80']);
    expect(JSON.parse(readFileSync(path('whole', 'compare.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(whole)),
    );
    expect(readFileSync(path('whole', 'compare.md'), 'utf8')).toContain('| base | magnitude |');
  });

  it('clears models away and leaves reports', () => {
    const cell = path('whole', 'cells', 'base_classify_magnitude_0.5_seed-0');
    expect(existsSync(join(cell, 'report.json'))).toBe(true);
    expect(existsSync(join(cell, 'model.safetensors'))).toBe(false);
  });

  it('goes on where it was stopped, within a cell, and finds the same', async () => {
    const interrupted = stopping(15); // in the third cell
    await expect(compare(options('stopped'), interrupted)).rejects.toThrow('--resume');
    const rest = stopping(Infinity);
    const resumed = await compare(options('stopped', { resume: true }), rest);
    expect(scoresOf(resumed)).toEqual(scoresOf(whole));
    expect(rest.steps).toBe(8 * 6 - 15);
  });

  it('does nothing twice, and extends a grid', async () => {
    const again = stopping(Infinity);
    const same = await compare(options('whole', { resume: true }), again);
    expect(again.steps).toBe(0);
    expect(scoresOf(same)).toEqual(scoresOf(whole));
    const more = stopping(Infinity);
    const extended = await compare(
      options('extended', { sparsities: [0.5], seeds: 1, recipes: [builtinRecipe('magnitude')] }),
      more,
    );
    expect(extended.cells).toHaveLength(2);
    const larger = await compare(
      options('extended', { seeds: 1, recipes: [builtinRecipe('magnitude')], resume: true }),
      more,
    );
    expect(larger.cells).toHaveLength(3);
    // The dense model had been cleared away: it was trained again, and is the same.
    expect(larger.cells[2]!.scores).toEqual(whole.cells[2]!.scores);
  });

  it('keeps what failed apart, and tries it again', async () => {
    const recipes = [builtinRecipe('prune-once'), builtinRecipe('magnitude')];
    const result = await compare(options('failing', { recipes, sparsities: [0.5], seeds: 1 }), control);
    expect(result.cells.map(({ recipe }) => recipe)).toEqual(['dense', 'magnitude']);
    expect(result.failed).toHaveLength(1);
    expect(result.failed[0]!.error).toContain('prunes in pre-training');
  });

  it('numbers recipes of one name, in the table and on disk', async () => {
    const magnitude = builtinRecipe('magnitude');
    const recipes = [magnitude, setOption(magnitude, 'names', 'query'), { ...magnitude, name: 'dense' }];
    const more = { recipes, sparsities: [0.5], seeds: 1 };
    const result = await compare(options('named', more), control);
    expect(result.failed).toEqual([]);
    const labels = ['dense', 'magnitude', 'magnitude-2', 'dense-2'];
    expect(result.cells.map(({ recipe }) => recipe)).toEqual(labels);
    expect(result.cells.map(({ encoder }) => encoder > 0.4)).toEqual([false, true, false, true]);
    const resumed = stopping(Infinity);
    await compare(options('named', { ...more, resume: true }), resumed);
    expect(resumed.steps).toBe(0);
  });

  it('takes a model that has a head as its own dense one', async () => {
    const model = path('trained');
    const data = { task: 'classify', data: join(root, 'classify'), threads: 1 };
    const settings = { steps: 15, batchSize: 8, maxLength: 16, lr: 5e-3 };
    const report = await finetune({ ...data, model: join(root, 'base'), out: model, settings }, control);
    const counted = stopping(Infinity);
    const recipes = [builtinRecipe('magnitude')];
    const { cells } = await compare(
      options('head', { models: [model], recipes, sparsities: [0.5], seeds: 1 }),
      counted,
    );
    expect(cells[0]!.scores).toEqual(report.metrics.dense);
    expect(counted.steps).toBe(6);
  });

  it('refuses a folder of another grid, and one that it was not told to go on with', async () => {
    await expect(compare(options('whole'), control)).rejects.toThrow('already holds a comparison');
    const table = readFileSync(path('whole', 'compare.json'), 'utf8');
    const cells = readdirSync(path('whole', 'cells'));
    const other = { steps: 7, batchSize: 8, maxLength: 16, lr: 5e-3 };
    const recipes = [builtinRecipe('magnitude'), builtinRecipe('nip')]; // the second has no cell yet
    const changes: [Partial<CompareOptions>, string][] = [
      [{ settings: other }, '--steps: expected 6, found 7'],
      [{ settings: other, recipes: recipes.slice(1) }, '--steps: expected 6, found 7'],
      [{ threads: 2, seed: 9 }, '--threads: expected 1, found 2'],
      [
        { recipes: [{ ...builtinRecipe('distil'), training: { epochs: 9 } }] },
        'recipe.training.epochs: expected none, found 9',
      ],
    ];
    for (const [more, difference] of changes) {
      const refused = compare(options('whole', { resume: true, recipes, ...more }), control);
      await expect(refused).rejects.toThrow(`other options, data or models: ${difference}`);
      await expect(refused).rejects.toMatchObject({ exitStatus: 2 });
    }
    expect(readFileSync(path('whole', 'compare.json'), 'utf8')).toBe(table);
    expect(readdirSync(path('whole', 'cells'))).toEqual(cells);
  });

  it('refuses other options for cells that were not begun when it was stopped', async () => {
    await expect(compare(options('early'), stopping(3))).rejects.toThrow('--resume');
    const settings = { steps: 6, batchSize: 8, maxLength: 16, lr: 1e-3 };
    await expect(compare(options('early', { resume: true, settings, seed: 5 }), control)).rejects.toThrow(
      '--lr: expected 0.005, found 0.001',
    );
    // A folder of an earlier version has no options but those of its cells.
    rmSync(path('early', 'cells', 'options.json'));
    await expect(compare(options('early', { resume: true, settings }), control)).rejects.toThrow(
      '--lr: expected 0.005, found 0.001',
    );
  });

  it('removes no cell that it reads', async () => {
    const model = path('whole', 'cells', 'read');
    cpSync(join(root, 'base'), model, { recursive: true });
    await expect(compare(options('whole', { models: [model], overwrite: true }), control)).rejects.toThrow(
      /--overwrite would remove .*, which --model .*read reads/,
    );
    expect(existsSync(join(model, 'model.safetensors'))).toBe(true);
    rmSync(model, { recursive: true });
  });

  it('fails before anything is written where a model, a task or a recipe cannot be had', async () => {
    await expect(compare(options('none', { models: [path('no-model')] }), control)).rejects.toThrow(
      'no such folder',
    );
    await expect(compare(options('none', { tasks: ['chess'] }), control)).rejects.toThrow(
      'unknown task chess',
    );
    await expect(compare(options('none', { sparsities: [1.5] }), control)).rejects.toThrow('sparsities');
    await expect(compare(options('none', { seed: 2 ** 32 - 1 }), control)).rejects.toThrow(
      '--seed 4294967295 --seeds 2: expected seeds of at most 4294967295, found a last one of 4294967296',
    );
    expect(existsSync(path('none'))).toBe(false);
  });

  it('is a command with a table, and fails when a cell does', async () => {
    const flags = ['--model', 'base', '--task', 'classify', '--data', 'classify', '--out', path('cli')];
    const training = [
      '--seeds',
      '1',
      '--steps',
      '3',
      '--batch-size',
      '8',
      '--max-length',
      '16',
      '--threads',
      '1',
    ];
    const { status, stdout, stderr } = await espalier(
      root,
      ...['compare', ...flags, ...training, '--recipes', 'magnitude,prune-once', '--sparsity', '0.5'],
    );
    expect(status, stderr).toBe(1);
    expect(stdout).toMatch(/base +magnitude +50\.0 % +50\.0 %/);
    expect(stderr).toContain('1 of 3 cells failed');
    const twice = await espalier(
      root,
      'compare',
      ...flags,
      '--recipes',
      'magnitude,magnitude',
      '--sparsity',
      '0.5',
    );
    expect(twice.status).toBe(2);
  });
});
