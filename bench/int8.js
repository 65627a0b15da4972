// Latency of one sequence through ONNX Runtime: the dense model in float32 and in the two int8 forms that `export`
// writes, each in fresh processes that alternate. Medians over the rounds.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from './median.js';
import { parseOptions } from './options.js';

const USAGE =
  'npm run bench -- int8 --size mini|base|large [--tokens 128] [--rounds 3] [--runs 20] [--threads 1] [--json]';

/** Float32, int8 by each batch's range, int8 by fixed scales with weights per tensor and per channel. */
const FORMS = ['f32', 'dynamic', 'static', 'static-per-channel'];

const DEFAULTS = { tokens: '128', rounds: '3', runs: '20', threads: '1' };
const LEAST = { tokens: 1, rounds: 1, runs: 1, threads: 1 };

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const run = promisify(execFile);

/** Runs the benchmark; returns the exit status, 2 for wrong options. */
export async function int8(args) {
  const options = parseOptions(args, DEFAULTS, LEAST);
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const { size, tokens, rounds, runs, threads, json } = options;
  const results = Object.fromEntries(FORMS.map((form) => [form, []]));
  for (let round = 0; round < rounds; round++) {
    for (const form of FORMS) {
      const counts = { form, size, tokens, runs, threads };
      const flags = Object.entries(counts).flatMap(([name, value]) => [`--${name}`, `${value}`]);
      const { stdout } = await run(process.execPath, [here('int8-latency.js'), ...flags]);
      results[form].push(JSON.parse(stdout.trim().split('\n').at(-1)));
    }
  }
  const table = Object.fromEntries(
    FORMS.map((form) => [
      form,
      {
        milliseconds: median(results[form].map(({ milliseconds }) => milliseconds)),
        bytes: results[form][0].bytes,
      },
    ]),
  );
  const { f32 } = table;
  console.log(`BERT-${size}, 1 x ${tokens}, ${threads} threads, ${cpus()[0].model}`);
  console.log(`medians of ${rounds} rounds of ${runs} runs\n`);
  for (const [form, { milliseconds, bytes }] of Object.entries(table)) {
    const cells = [form.padEnd(20), `${milliseconds.toFixed(1)} ms`.padEnd(12)];
    cells.push(`${(f32.milliseconds / milliseconds).toFixed(2)}x`.padEnd(8));
    console.log(cells.join(''), `${(bytes / 1e6).toFixed(1)} MB`);
  }
  if (json) console.log(JSON.stringify(table));
  return 0;
}
