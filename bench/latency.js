// Latency of one sequence through ONNX Runtime: the dense model in float32 and other forms of it, each in fresh
// processes that alternate. Medians over the rounds.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from './median.js';
import { parseOptions } from './options.js';

const FORMS = {
  /** Int8 by each batch's range, int8 by fixed scales with weights per tensor and per channel. */
  int8: ['f32', 'dynamic', 'static', 'static-per-channel'],
  /** Without some of the layers, or of the heads and neurons; in float32, the last one in int8 too. */
  structure: [
    'f32',
    'layers-5/6',
    'layers-2/3',
    'layers-1/2',
    'groups-3/4',
    'groups-1/2',
    'layers-1/2-dynamic',
  ],
};

const DEFAULTS = { tokens: '128', rounds: '3', runs: '20', threads: '1' };
const LEAST = { tokens: 1, rounds: 1, runs: 1, threads: 1 };

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const run = promisify(execFile);

/** The benchmark `name`: takes arguments, returns the exit status, 2 for wrong options. */
export const latency = (name) => async (args) => {
  const options = parseOptions(args, DEFAULTS, LEAST);
  if (typeof options === 'string') {
    const usage = '--size mini|base|large [--tokens 128] [--rounds 3] [--runs 20] [--threads 1] [--json]';
    console.error(`${options}\nnpm run bench -- ${name} ${usage}`);
    return 2;
  }
  const { size, tokens, rounds, runs, threads, json } = options;
  const forms = FORMS[name];
  const results = Object.fromEntries(forms.map((form) => [form, []]));
  for (let round = 0; round < rounds; round++) {
    for (const form of forms) {
      const counts = { form, size, tokens, runs, threads };
      const flags = Object.entries(counts).flatMap(([flag, value]) => [`--${flag}`, `${value}`]);
      const { stdout } = await run(process.execPath, [here('latency-form.js'), ...flags]);
      results[form].push(JSON.parse(stdout.trim().split('\n').at(-1)));
    }
  }
  const table = Object.fromEntries(
    forms.map((form) => [
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
};
