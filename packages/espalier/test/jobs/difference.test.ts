// A resume that is refused says which option is another one.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compress } from '../../src/jobs/compress.js';
import { differenceOf } from '../../src/jobs/difference.js';
import { finetune } from '../../src/jobs/finetune.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { setOption } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import { writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };
const settings = { steps: 3, batchSize: 8, maxLength: 16 };
const recipe = builtinRecipe('magnitude');
const data = { model: join(root, 'base'), task: 'classify', data: join(root, 'classify'), threads: 1 };
const run = { ...data, recipe, settings, resume: true };

beforeAll(() => writeProject(root));

describe('the first difference', () => {
  it.each([
    [{ settings: { lr: 1 } }, { settings: { lr: 2 } }, '--lr: expected 1, found 2'],
    [{ settings: { decay: 0 } }, { settings: {} }, '--set decay: expected 0, found none'],
    [{ evalEvery: null }, { evalEvery: 5 }, '--eval-every: expected none, found 5'],
    [{ files: ['a'] }, { files: ['a', 'b'] }, 'data file 2: expected none, found b'],
    [
      { data: { masking: { style: 'a' } } },
      { data: { masking: { style: 'b' } } },
      'masking.style: expected a',
    ],
    [
      { weights: { '--dense': 'f'.repeat(64) } },
      { weights: {} },
      'weights of --dense: expected ffffffffffff...,',
    ],
  ])('%j, %j', (expected, found, text) => {
    expect(differenceOf(expected, found)).toContain(text);
    expect(differenceOf(expected, { ...expected, more: undefined })).toBeUndefined();
  });
});

describe('a run that is resumed', () => {
  const changes: [string, object, RegExp][] = [
    ['a setting', { settings: { ...settings, lr: 1e-3 } }, /: --lr: expected 0.00005, found 0.001;/],
    ['steps', { settings: { ...settings, steps: 4 } }, /: --steps: expected 3, found 4;/],
    ['the seed', { seed: 3 }, /: --seed: expected 0, found 3;/],
    [
      'an option of a method',
      { recipe: setOption(recipe, 'sparsity', 0.3) },
      /: recipe\..*\.sparsity: .*found 0.3;/,
    ],
    [
      'the task',
      { task: 'pairs', data: join(root, 'pairs') },
      /: data file 1: expected \w{12}\.\.\., found /,
    ],
  ];
  const more: [string, object, RegExp][] = [
    ['threads', { threads: 2 }, /: --threads: expected 1, found 2;/],
    ['examples', { limit: 20 }, /: --limit: expected none, found 20;/],
    ['weights', { seed: 0, select: 'best' }, /: --select: expected last, found best;/],
  ];

  it('names what differs, and nothing where run.json says nothing', async () => {
    const out = path('stopped');
    const stopping = { ...control, stopRequested: () => true };
    await expect(compress({ ...run, out }, stopping)).rejects.toThrow('--resume');
    for (const [name, change, expected] of [...changes, ...more])
      await expect(compress({ ...run, ...change, out }, control), name).rejects.toThrow(expected);
    const file = join(out, 'checkpoints', 'run.json');
    const { fingerprint } = JSON.parse(readFileSync(file, 'utf8')) as { fingerprint: string };
    writeFileSync(file, JSON.stringify({ fingerprint }));
    await expect(compress({ ...run, seed: 3, out }, control)).rejects.toThrow('data or models; repeat');
    await compress({ ...run, gate: 0, out }, control);
    for (const [name, change, expected] of changes)
      await expect(compress({ ...run, ...change, out }, control), name).rejects.toThrow(expected);
    await expect(compress({ ...run, limit: 20, out }, control)).rejects.toThrow(
      'number of training examples: expected 40, found 20',
    );
    await expect(compress({ ...run, threads: 2, out }, control)).rejects.toThrow('data or models; repeat');
  });

  it('is the dense one too', async () => {
    const dense = { ...data, settings, resume: true, out: path('dense') };
    await finetune(dense, control);
    await expect(finetune({ ...dense, seed: 1 }, control)).rejects.toThrow('--seed: expected 0, found 1');
  });
});
