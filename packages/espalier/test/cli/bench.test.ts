// espalier bench as a command: its help, its table, its JSON and wrong usage.
import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { packModel } from '../../src/export/pack.js';
import { randomBert } from '../../src/models/initialise.js';
import { withHead } from '../../src/models/task-model.js';
import { espalier, espalierJson, tinyBert } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { twoClasses } from '../support/training.js';

const path = temporaryFolder();
const root = path();
const quick = ['--tokens', '8', '--rounds', '1', '--runs', '1', '--against'];

beforeAll(() => {
  const model = withHead(randomBert(tinyBert, 1), twoClasses, 1);
  const { bytes } = packModel(model, { values: 'int8', embeddings: 'int8' }, undefined);
  writeFileSync(path('tiny.espalier'), bytes);
});

describe('espalier bench', () => {
  it('says what it takes', async () => {
    const { status, stdout } = await espalier(root, 'bench', '--help');
    expect(status).toBe(0);
    for (const option of ['against', 'dense', 'tokens', 'batch-size', 'threads', 'rounds', 'runs', 'json'])
      expect(stdout).toContain(`--${option}`);
  });

  it('prints a line a contestant, with the ratio of opponents', async () => {
    const { status, stdout } = await espalier(root, 'bench', 'tiny.espalier', ...quick, 'dense-int8');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^tiny\.espalier: 1 x 8 tokens, threads 1, /);
    expect(stdout).toMatch(
      /^packed \(int8\) +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d +\d+\.\d kB +\d+\.\d MB +\d+ ms$/m,
    );
    expect(stdout).toMatch(/^dense-int8 +(\d+\.\d\d +){3}\d+\.\d\dx +\d+\.\d kB +\d+\.\d MB +\d+ ms$/m);
    expect(stdout).toMatch(/^packed: kernels (dot|relaxed|simd|scalar)/m);
  });

  it('--json is one object, and nothing else stands on stdout', async () => {
    const result = await espalierJson(root, 'bench', 'tiny.espalier', ...quick, 'none');
    expect(result).toMatchObject({ path: 'tiny.espalier', tokens: 8, rounds: 1, runs: 1, ratios: {} });
    expect(result['contestants']).toHaveLength(1);
  });

  it.each([
    [['bench', 'tiny.espalier', '--against', 'torch'], /expected none, or some of dense-f32,dense-int8/],
    [['bench', 'tiny.espalier', '--tokens', 'many'], /expected a whole number/],
    [['bench', 'missing.onnx'], /missing\.onnx: no config\.json beside it/],
    [['bench'], /missing required argument 'path'/],
  ])('%j is wrong usage', async (args, message) => {
    const { status, stdout, stderr } = await espalier(root, ...args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });
});
