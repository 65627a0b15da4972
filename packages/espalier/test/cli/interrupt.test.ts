// A run that was killed, at any moment and more than once, and resumed gives the bytes of one that was not. Ctrl-C
// stops cleanly and says how to go on.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { classify, espalier, type Outcome, sha256, start, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const args = (out: string, ...more: string[]): string[] => [
  ...['compress', ...classify, '--recipe', 'rpp', '--steps', '50', '--checkpoint-every', '5', '--out', out],
  ...['--gate', '0', ...more], // so small a model decides by little
];
const inside = (out: string, ...parts: string[]): string => path('project', out, ...parts);

beforeAll(async () => {
  await writeProject(root);
  expect(await espalier(root, ...args('whole', '--quiet'))).toMatchObject({ status: 0 });
});

/** Sends a signal to the run as soon as `due` holds; the run may also end before. */
async function signalWhen(signal: NodeJS.Signals, flags: string[], due: () => boolean): Promise<Outcome> {
  const { child, outcome } = start(root, flags);
  const timer = setInterval(() => {
    if (!due()) return;
    clearInterval(timer);
    child.kill(signal);
  }, 1);
  const result = await outcome;
  clearInterval(timer);
  return result;
}

const entries = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);
const loggedSteps = (out: string): number =>
  existsSync(inside(out, 'metrics.jsonl'))
    ? readFileSync(inside(out, 'metrics.jsonl'), 'utf8').split('\n').length - 1
    : 0;

/** The log without what a clock says. */
const logOf = (out: string): unknown[] =>
  readFileSync(inside(out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({ ...(JSON.parse(line) as object), seconds: 0 }));

function expectSameAsWhole(out: string): void {
  expect(sha256(inside(out, 'model.safetensors'))).toBe(sha256(inside('whole', 'model.safetensors')));
  expect(logOf(out)).toEqual(logOf('whole'));
  const report = (run: string): object => ({
    ...(JSON.parse(readFileSync(inside(run, 'report.json'), 'utf8')) as object),
    seconds: 0,
  });
  expect(report(out)).toEqual(report('whole'));
  expect(entries(inside(out)).sort()).toEqual(entries(inside('whole')).sort());
}

it('SIGKILL in the dense stage, while a checkpoint is written, between stages and at random', async () => {
  const dense = inside('killed', 'checkpoints', 'teacher', 'dense-0');
  const [first, second] = [0, 1].map((stage) => inside('killed', 'checkpoints', `rpp-${String(stage)}`));
  const randomMoment = Math.random() * 20;
  const moments: (() => boolean)[] = [
    () => entries(dense).some((name) => name.startsWith('step-')),
    () => entries(dense).some((name) => /^\.step-.*tmp$/.test(name)),
    () => loggedSteps('killed') > 7 + randomMoment,
    () => entries(first!).some((name) => /^\.step-0000002.*tmp$/.test(name)),
    () => existsSync(join(first!, 'finished')),
    () => entries(second!).some((name) => name.startsWith('step-')),
    () => existsSync(inside('killed', 'model.safetensors')),
  ];
  let kills = 0;
  for (const due of moments) {
    const { status } = await signalWhen('SIGKILL', args('killed', '--quiet', '--resume'), due);
    if (status === null) kills++;
    else expect(status).toBe(0); // it was faster than the poll
  }
  expect(kills).toBeGreaterThanOrEqual(4);
  const last = await espalier(root, ...args('killed', '--quiet', '--resume'));
  expect(last.status).toBe(0);
  expect(last.stderr).toMatch(/^(rpp: the penalty reached .*\n)?$/); // a warning, where that stage was still to end
  expectSameAsWhole('killed');
});

it('SIGINT stops after a step, says how to resume, and resuming with other options is refused', async () => {
  const stopped = await signalWhen('SIGINT', args('stopped'), () => loggedSteps('stopped') > 3);
  expect(stopped.status).toBe(1);
  expect(stopped.stdout).toBe('');
  expect(stopped.stderr).toContain('stopping after this step; press Ctrl-C again to stop at once');
  expect(stopped.stderr.trimEnd().split('\n').at(-1)).toBe(
    'espalier: stopped; run the same command with --resume to continue',
  );
  expect(existsSync(inside('stopped', 'model.safetensors'))).toBe(false);
  const others: [flags: string[], difference: RegExp][] = [
    [['--lr', '1e-3'], /--lr: expected 0.005, found 0.001/],
    [['--teacher', 'whole'], /weights of --teacher: expected none, found [0-9a-f]{12}\.\.\./],
  ];
  for (const [flags, difference] of others) {
    const { status, stderr } = await espalier(root, ...args('stopped', '--resume', ...flags));
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^espalier: stopped\/checkpoints\/run.json belongs to a run with other options, data or models: .*; .*--overwrite\n$/,
    );
    expect(stderr).toMatch(difference);
  }
  const before = readFileSync(inside('stopped', 'metrics.jsonl'), 'utf8');
  const resumed = await espalier(root, ...args('stopped', '--resume'));
  expect(resumed.status).toBe(0);
  // It went on and did not begin again: the dense stage is not repeated, and the steps that were done are not
  // either, or their seconds would be others.
  expect(resumed.stderr).not.toContain('dense');
  expect(readFileSync(inside('stopped', 'metrics.jsonl'), 'utf8').startsWith(before)).toBe(true);
  expectSameAsWhole('stopped');
});
