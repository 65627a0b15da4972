// Adapters on the command line: compress writes one, the others read it, and --base and --merge mean what they say.
import { renameSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { classify, espalier, espalierJson, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const own = ['--task', 'classify', '--data', 'classify', '--threads', '1'];
const adapt = ['compress', ...classify, '--recipe', 'adapt', '--steps', '12', '--quiet'];

beforeAll(async () => {
  await writeProject(root);
  const { status, stdout } = await espalier(root, ...adapt, '--sparsity', '0.7', '--out', 'adapter');
  expect(stdout).toMatch(
    /adapt on classify[^]*pruned of the masked weights: 70\.\d %[^]*adapter\.safetensors: /,
  );
  expect(stdout).toContain('The adapter needs its base, byte for byte.');
  expect(status).toBe(0);
});

describe('an adapter', () => {
  it('is inspected with its topology', async () => {
    const { status, stdout } = await espalier(root, 'inspect', 'adapter');
    expect(status).toBe(0);
    expect(stdout).toMatch(/adapter by adapt for classify over .*base \(SHA-256 [0-9a-f]{16}\.\.\.\)/);
    expect(stdout).toMatch(/^block 1 +[\d,]+ +\d+\.\d %$/m);
  });

  it('is scored over a base that moved, by --base', async () => {
    const before = await espalierJson(root, 'evaluate', 'adapter', ...own);
    renameSync(path('project', 'base'), path('project', 'moved'));
    const lost = await espalier(root, 'evaluate', 'adapter', ...own);
    expect([lost.status, lost.stderr]).toEqual([
      2,
      expect.stringMatching(/its base .*base is not there.*--base/),
    ]);
    const found = await espalierJson(root, 'evaluate', 'adapter', ...own, '--base', 'moved');
    expect(found['metrics']).toEqual(before['metrics']);
    renameSync(path('project', 'moved'), path('project', 'base'));
  });

  it('is merged where its head allows it', async () => {
    const mixed = await espalier(root, ...adapt, '--merge', '--out', 'merged');
    expect([mixed.status, mixed.stderr]).toEqual([2, expect.stringContaining('add --set head=stock')]);
    const merged = await espalier(root, ...adapt, '--merge', '--set', 'head=stock', '--out', 'merged');
    expect(merged.status).toBe(0);
    expect(merged.stdout).toContain('model.safetensors: ');
  });
});
