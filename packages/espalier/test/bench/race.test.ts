// The order and the arithmetic of a race, with contestants that only pretend; what ends it early; peak memory.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { busyNote, machineNow } from '../../src/bench/machine.js';
import type { Request } from '../../src/bench/message.js';
import { sequencesOf } from '../../src/bench/message.js';
import { peakMemory } from '../../src/bench/peak-memory.js';
import { type Contestant, race, type RaceOptions } from '../../src/bench/race.js';
import { EspalierError, Interrupted } from '../../src/errors.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const log = path('log.txt');
const notes: string[] = [];
const options: RaceOptions = {
  batch: { rows: 1, tokens: 4, vocabulary: 10, types: 2 },
  rounds: 3,
  warmup: 1,
  runs: 2,
  note: (message) => notes.push(message),
  stopRequested: () => false,
};

/** A program that logs what it is asked and answers with `body`, an expression over `request` and `round`. */
function contestant(name: string, body: string): Contestant {
  const program = path(`${name}.mjs`);
  writeFileSync(log, '');
  writeFileSync(
    program,
    `import { appendFileSync, readFileSync } from 'node:fs';
    const request = JSON.parse(process.argv[2]);
    const round = readFileSync(${JSON.stringify(log)}, 'utf8').split('\\n').filter((l) => l.startsWith('${name} ')).length;
    appendFileSync(${JSON.stringify(log)}, '${name} ' + JSON.stringify(request) + '\\n');
    console.log('a library may print too');
    console.log(JSON.stringify(${body}));`,
  );
  const request = { file: program, threads: 1 };
  return { name, program, request, expected: [[1, 2]], rounding: 'float' };
}

const asked = (): [name: string, Request][] =>
  readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => [line.split(' ')[0]!, JSON.parse(line.slice(line.indexOf(' '))) as Request]);

/** Rounds take 10 times their number plus `extra` milliseconds, and as much memory. */
const steady = (extra: number): string =>
  `{ milliseconds: [10 * round + ${extra}, 10 * round + ${extra + 2}].slice(0, request.runs), opening: round,
     peakBytes: 100 * round, logits: [[1, 2]] }`;

describe('a race', () => {
  it('compares all, then takes turns; medians over rounds of medians over runs', async () => {
    const laps = await race([contestant('slow', steady(5)), contestant('fast', steady(0))], options);
    const requests = asked();
    expect(requests.map(([name]) => name).join(' ')).toBe('slow fast '.repeat(4).trim());
    expect(requests.map(([, { runs, warmup, batch }]) => [runs, warmup, batch.rows])).toEqual(
      Array.from({ length: 8 }, (_, i) => (i < 2 ? [0, 0, 8] : [2, 1, 1])),
    );
    // Rounds 1, 2, 3: 11, 21, 31.
    expect(laps['fast']).toMatchObject({ milliseconds: 21, least: 11, most: 31, opening: 2, peakBytes: 300 });
    expect(laps['slow']).toMatchObject({ milliseconds: 26, least: 16, most: 36, distance: 0 });
    expect(laps['slow']!.bytes).toBe(readFileSync(path('slow.mjs')).length);
    expect(notes).toEqual(['slow, fast: logits compared', 'round 1 of 3', 'round 2 of 3', 'round 3 of 3']);
  });

  it.each([
    ['another number', '[[1, 2.001]]'],
    ['no number', '[[1, Number.NaN]]'],
    ['another shape', '[[1]]'],
  ])('times nobody when a contestant computes %s', async (_, logits) => {
    const wrong = `{ milliseconds: [], opening: 1, peakBytes: 1, logits: ${logits} }`;
    const both = [contestant('right', steady(0)), contestant('wrong', wrong)];
    await expect(race(both, options)).rejects.toThrow(/^wrong was not timed: its logits/);
    expect(asked().every(([, { runs }]) => runs === 0)).toBe(true);
  });

  it('names who failed and why, and stops when asked to', async () => {
    const failing = contestant('failing', `(() => { throw new Error('no such kernel') })()`);
    writeFileSync(
      failing.program,
      `console.error('first'); console.error('no such kernel'); process.exit(1)`,
    );
    const failed = race([failing], options);
    await expect(failed).rejects.toThrow(EspalierError);
    await expect(failed).rejects.toThrow('failing cannot run: no such kernel');
    writeFileSync(failing.program, `process.kill(process.pid, 'SIGINT'); setInterval(() => {}, 1000)`);
    await expect(race([failing], options)).rejects.toThrow(Interrupted);
    await expect(race([failing], { ...options, stopRequested: () => true })).rejects.toThrow(Interrupted);
  });
});

it('a larger batch begins with the sequences of a smaller one', () => {
  const shape = { rows: 2, tokens: 5, vocabulary: 7, types: 2 };
  const all = sequencesOf({ ...shape, rows: 9 });
  expect(sequencesOf(shape)).toEqual(all.slice(0, 2));
  expect(all.every(({ ids }) => ids.length === 5 && ids.every((id) => id >= 0 && id < 7))).toBe(true);
  expect(new Set(all.map(({ ids }) => ids.join())).size).toBe(9);
});

it('a machine is busy when more than half of its cores are', () => {
  const { cores } = machineNow();
  expect(machineNow(cores / 2).busy).toBe(false);
  const busy = machineNow(cores / 2 + 0.1);
  expect(busy.busy).toBe(true);
  expect(busyNote(busy)).toContain(`load ${(cores / 2 + 0.1).toFixed(1)} on ${cores} cores`);
});

it.runIf(process.platform === 'linux')(
  'peak memory is that of a process, not of the one that began it',
  () => {
    const module = fileURLToPath(new URL('../../dist/bench/peak-memory.js', import.meta.url));
    const large = Buffer.alloc(3e8, 1);
    const code = `const { peakMemory } = await import(${JSON.stringify(module)}); console.log(peakMemory())`;
    const child = Number(
      execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }),
    );
    expect(child).toBeGreaterThan(1e7);
    expect(child).toBeLessThan(2e8);
    expect(peakMemory()).toBeGreaterThan(large.length);
  },
);
