// One step of fine-tuning ("train") or pre-training against PyTorch's on the same processor: the same BERT, batch,
// dropout and optimiser, each in fresh processes that alternate, so that neither side has the machine's better
// minutes. Medians over the rounds.
import { execFile, spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from './median.js';
import { parseOptions } from './options.js';
import { batchOf } from './sizes.js';

const usage = (objective) =>
  `npm run bench -- ${objective} --size mini|base|large [--rounds 3] [--steps N] [--warmup W] [--threads 2] [--json]`;

/** Timed steps and steps before them, by size. */
const STEPS = { mini: [30, 5], base: [8, 2], large: [2, 1] };

const DEFAULTS = { rounds: '3', threads: '2' };
const LEAST = { rounds: 1, steps: 1, warmup: 0, threads: 1 };

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const run = promisify(execFile);

/** The benchmark of an objective: runs it and returns the exit status: 1 without an opponent, 2 for wrong options. */
export const step = (objective) => (args) => compare(objective, args);

async function compare(objective, args) {
  const options = parseOptions(args, DEFAULTS, LEAST, stepsOf);
  if (typeof options === 'string') {
    console.error(`${options}\n${usage(objective)}`);
    return 2;
  }
  const { size, rounds, steps, warmup, threads, json } = options;
  const python = process.env.ESPALIER_PYTHON ?? 'python3';
  const missing = missingOpponent(python);
  const counts = { size, steps, warmup, threads, objective };
  const shared = Object.entries(counts).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const sides = {
    ours: () => measure(process.execPath, [here('ours-step.js'), ...shared]),
    ...(!missing && { torch: () => measure(python, [here('torch_step.py'), ...shared]) }),
  };

  const runs = Object.fromEntries(Object.keys(sides).map((side) => [side, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [side, once] of Object.entries(sides)) {
      const result = await once();
      runs[side].push(result);
      if (!json) console.log(`round ${round + 1}  ${side.padEnd(6)}${result.secondsPerStep.toFixed(3)} s`);
    }
  }
  const ours = medians(runs.ours, ['secondsPerStep', 'peakBytes', 'overhead', 'sessionMs', 'passMs']);
  const torch = runs.torch && medians(runs.torch, ['secondsPerStep', 'peakBytes']);
  const ratio = torch ? ours.secondsPerStep / torch.secondsPerStep : null;
  printTable({ ...options, objective }, { ratio, ours, torch });
  if (missing) console.error(missing);
  if (json) console.log(JSON.stringify({ ratio, ours, torch: torch ?? null }));
  return missing ? 1 : 0;
}

/** Steps of a size, unless the command line says others. */
const stepsOf = (size) => {
  const [steps, warmup] = STEPS[size];
  return { steps, warmup };
};

/** Why there is nothing to compare with, or undefined. */
function missingOpponent(python) {
  const { status, error, stderr } = spawnSync(python, ['-c', 'import torch, transformers'], {
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  const reason = error?.message ?? stderr.trim().split('\n').at(-1);
  return (
    `the opponent is missing: ${python} cannot import torch and transformers (${reason}); ` +
    'install both, or name another interpreter in ESPALIER_PYTHON'
  );
}

/** The JSON line that a side prints last. */
async function measure(command, args) {
  const { stdout } = await run(command, args, { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

const medians = (results, names) =>
  Object.fromEntries(names.map((name) => [name, median(results.map((result) => result[name]))]));

function printTable({ objective, size, threads, rounds, steps }, { ratio, ours, torch }) {
  const { rows, tokens } = batchOf(size, objective);
  console.log(`${objective}, BERT-${size}, ${rows} x ${tokens}, ${threads} threads, ${cpus()[0].model}`);
  console.log(`medians of ${rounds} rounds of ${steps} steps\n`);
  const line = (...cells) => console.log(cells.map((cell) => cell.padEnd(14)).join(''));
  const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(2)} GB`;
  line('', 's/step', 'peak memory');
  line('ours', ours.secondsPerStep.toFixed(3), gigabytes(ours.peakBytes));
  if (torch) line('PyTorch', torch.secondsPerStep.toFixed(3), gigabytes(torch.peakBytes));
  if (ratio !== null) line('ratio', ratio.toFixed(2), (ours.peakBytes / torch.peakBytes).toFixed(2));
  const { sessionMs, passMs, overhead } = ours;
  console.log(
    `\nours: session ${sessionMs.toFixed(0)} ms, fused pass ${passMs.toFixed(0)} ms, ` +
      `the rest ${(100 * overhead).toFixed(1)} %`,
  );
}
