// A run that does not fit into memory is refused before it starts, and leaves nothing in the way of a smaller one.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { finetune } from '../../src/jobs/finetune.js';
import { writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

/** Bytes that count as available. */
const memory = vi.hoisted(() => ({ available: 2 ** 20 }));
vi.mock('../../src/engine/memory.js', async (original) => {
  const actual = await original<typeof import('../../src/engine/memory.js')>();
  return { ...actual, checkMemory: (bytes: number) => actual.checkMemory(bytes, memory.available) };
});

const path = temporaryFolder();

it('says how much is needed and what to do', async () => {
  await writeProject(path('project'));
  const run = (batchSize: number): ReturnType<typeof finetune> =>
    finetune(
      {
        ...{ model: path('project', 'base'), task: 'classify', data: path('project', 'classify') },
        ...{ out: path('out'), threads: 1, settings: { steps: 2, batchSize, maxLength: 16 } },
      },
      { onEvent: () => {}, stopRequested: () => false },
    );
  await expect(run(32)).rejects.toThrow(
    /^memory: this run needs 0\.\d\d GiB, 0\.00 GiB available; lower the batch size or the maximal length/,
  );
  expect(existsSync(join(path('out'), 'model.safetensors'))).toBe(false);
  memory.available = 2 ** 30;
  await run(8);
  expect(existsSync(join(path('out'), 'report.json'))).toBe(true);
});
