// One run at a time in an output folder: a second one is refused, a lock that a dead process left is taken over, and
// none is left behind.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { beganAt, LOCK, lockText } from '../../src/io/lock-file.js';
import { compare } from '../../src/jobs/compare.js';
import { compress } from '../../src/jobs/compress.js';
import { demo } from '../../src/jobs/demo.js';
import { exportModel } from '../../src/jobs/export.js';
import { finetune } from '../../src/jobs/finetune.js';
import { withLock } from '../../src/jobs/folder-lock.js';
import { pretrain } from '../../src/jobs/pretrain.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import type { RunControl } from '../../src/recipe/run.js';
import { classify, espalier, start, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };
const model = join(root, 'base');
const data = join(root, 'classify');
const settings = { steps: 3, batchSize: 8, maxLength: 16 };
const training = { model, task: 'classify', data, threads: 1, settings };
const recipe = builtinRecipe('magnitude');

/** Locks of this process's number that are another's, where the system says when a process began. */
const LATER: [string, () => string][] = [
  ['by another process of the same number', () => lockText().replace(/\d+"\}/, '1"}')],
  ['in an earlier boot', () => lockText().replace(/"began":"\w{8}/, '"began":"00000000')],
];

/** A folder with a lock of this text. */
function locked(name: string, text: string): string {
  mkdirSync(path(name));
  writeFileSync(path(name, LOCK), text);
  return path(name);
}

beforeAll(() => writeProject(root));

describe('a folder in use', () => {
  it('is refused by every job that writes into it, whatever it was told, and nothing changes', async () => {
    const out = locked('busy', `{"pid":${process.ppid}}\n`);
    const grid = {
      models: [model],
      tasks: ['classify'],
      data,
      recipes: [recipe],
      sparsities: [0.5],
      settings,
    };
    const corpus = [join(data, 'train.tsv')];
    const jobs = [
      () => finetune({ ...training, out }, control),
      () => finetune({ ...training, out, resume: true }, control),
      () => compress({ ...training, recipe, out, overwrite: true }, control),
      () => pretrain({ init: model, corpus, out, nextSentence: false }, control),
      () => compare({ ...grid, out, resume: true }, control),
      () => demo({ out, steps: 1 }, control),
      () => exportModel({ model, to: 'hf', out, overwrite: true }, control),
    ];
    for (const job of jobs) {
      const refused: unknown = await job().catch((cause: unknown) => cause);
      expect(refused).toMatchObject({
        message: `${out} is in use by process ${process.ppid}; wait for it or choose another --out`,
        exitStatus: 2,
      });
    }
    expect(readdirSync(out)).toEqual([LOCK]);
  });

  it('is so by a run of the same process too', async () => {
    const out = path('twice');
    const both = await Promise.allSettled([1, 2].map(() => finetune({ ...training, out }, control)));
    const failed = both.filter((result) => result.status === 'rejected');
    expect(failed.map(({ reason }) => String(reason))).toEqual([
      expect.stringContaining(`twice is in use by process ${process.pid};`),
    ]);
    expect(existsSync(join(out, 'report.json'))).toBe(true);
    expect(existsSync(join(out, LOCK))).toBe(false);
  });
});

describe('a lock that was left', () => {
  it.each<[string, () => string]>([
    ['by a process that is gone', () => `{"pid":${spawnSync(process.execPath, ['--version']).pid}}\n`],
    ...(beganAt(process.pid) === undefined ? [] : LATER),
    ['half written', () => '{"pid"'],
    ['empty', () => ''],
  ])('%s is taken over, and removed', async (name, text) => {
    const out = locked(name, text());
    await withLock(out, () => {
      expect(readFileSync(join(out, LOCK), 'utf8')).toBe(lockText());
      return Promise.resolve();
    });
    expect(readdirSync(out)).toEqual([]);
  });

  it('goes to one of those who find it', async () => {
    const out = locked('raced', '{"pid":999999999}\n');
    let inside = 0;
    const tries = [1, 2, 3, 4].map(() => withLock(out, () => Promise.resolve(inside++)));
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(inside).toBe(1);
  });
});

it('an interrupted run and one that fails leave none, nor a folder that they did not need', async () => {
  const stopping = { ...control, stopRequested: () => true };
  await expect(finetune({ ...training, out: path('stopped') }, stopping)).rejects.toThrow('--resume');
  expect(readdirSync(path('stopped'))).toEqual(['checkpoints']);
  await finetune({ ...training, out: path('stopped'), resume: true }, control);
  await expect(withLock(path('none'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(path('none'))).toBe(false);
});

it('two commands: the second is refused; a second Ctrl-C ends the first at once and leaves no lock', async () => {
  const args = ['finetune', ...classify, '--steps', '100000', '--out', 'long'];
  const { child, outcome } = start(root, args);
  const out = join(root, 'long');
  await expect
    .poll(() => existsSync(join(out, 'metrics.jsonl')), { timeout: 30_000, interval: 20 })
    .toBe(true);
  const second = await espalier(root, ...args, '--overwrite');
  expect(second).toMatchObject({
    status: 2,
    stderr: `espalier: long is in use by process ${child.pid}; wait for it or choose another --out\n`,
  });
  let text = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.includes('press Ctrl-C again')) child.kill('SIGINT');
  });
  child.kill('SIGINT');
  const { status } = await outcome;
  expect([130, 1, null]).toContain(status); // 1 or by the signal where the step ended in between
  expect(existsSync(join(out, LOCK))).toBe(false);
});
