// What starts loads what it needs and no more: the command line to check its options, a job its own part of the library.
// Packages and rooms that are not asked for would cost every command half a second.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { type Outcome, start } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const hook = ['--import', new URL('../support/loaded-modules.mjs', import.meta.url).href];
const dist = new URL('../../dist/', import.meta.url);

interface Loaded {
  /** Of other people, by name. */
  readonly packages: string[];
  /** Folders of our own, of the runtime its name. */
  readonly rooms: string[];
}

/** What was loaded while `act` ran with the environment that it is given. */
async function loadedBy(name: string, act: (env: NodeJS.ProcessEnv) => unknown): Promise<Loaded> {
  const list = path(name);
  await act({ ...process.env, LOADED_MODULES: list });
  const urls = readFileSync(list, 'utf8').trim().split('\n');
  const found = (pattern: RegExp): string[] =>
    [...new Set(urls.flatMap((url) => pattern.exec(url)?.[1] ?? []))].sort();
  return {
    packages: found(/.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//),
    rooms: [...found(/\/espalier\/dist\/(\w+)\//), ...found(/\/(runtime)\/dist\//)],
  };
}

const byCommand = (name: string, args: string[], check: (outcome: Outcome) => void): Promise<Loaded> =>
  loadedBy(name, async (env) => {
    check(await start(path('.'), args, hook, env).outcome);
  });

it.each([
  { args: ['--version'], status: 0 },
  { args: ['evaluate', '--help'], status: 0 },
  { args: ['predict', 'model', '--form', 'f64'], status: 2 },
])('espalier $args loads options and printing alone', async ({ args, status }) => {
  const { packages, rooms } = await byCommand(args.join('_'), args, (outcome) =>
    expect(outcome).toMatchObject({ status }),
  );
  expect(packages).toEqual(['commander']);
  for (const room of ['engine', 'graph', 'jobs', 'methods', 'models', 'recipe', 'runtime'])
    expect(rooms).not.toContain(room);
});

it('espalier methods loads the methods', async () => {
  const { packages, rooms } = await byCommand('methods', ['methods'], ({ status }) => expect(status).toBe(0));
  expect(packages).toContain('zod');
  expect(rooms).toContain('methods');
});

it.each(['evaluate', 'inspect'])('%s loads no trainer, no Hub, no tables', async (job) => {
  const file = fileURLToPath(new URL(`jobs/${job}.js`, dist));
  const { packages, rooms } = await loadedBy(job, (env) =>
    execFileSync(process.execPath, [...hook, file], { env }),
  );
  expect(packages).toEqual(['@huggingface/tokenizers', 'onnxruntime-node', 'zod']);
  expect(rooms).toContain('models');
  expect(rooms).not.toContain('methods');
});
