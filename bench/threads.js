// The encoder with one thread and with several, in one process and in turn: random weights at a sparsity, one sequence.
// With --busy another process keeps a core busy meanwhile.
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createEncoder, createThreadedEncoder } from '../packages/runtime/dist/encoder/index.js';
import { threads as threadsOf } from '../packages/runtime/dist/threads/index.js';
import { runtimeWeights } from '../packages/espalier/dist/export/runtime-weights.js';
import { bert } from '../packages/espalier/dist/models/bert.js';
import { random } from '../packages/espalier/dist/random.js';
import { median } from './median.js';
import { randomBert } from './random-bert.js';
import { SHAPES } from './sizes.js';

const USAGE =
  `npm run bench -- threads --shape ${Object.keys(SHAPES).join('|')} --form f32|q15|int8 --tokens 128 --sparsity 0.9 ` +
  '[--threads 2] [--runs 50] [--busy]';

const WARMUP = 5;

/** Takes arguments, returns the exit status, 2 for wrong options. */
export async function threads(args) {
  const options = parse(args);
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const { shape, form, tokens, sparsity, runs, busy } = options;
  const model = randomBert(SHAPES[shape]);
  prune(model, sparsity, form === 'int8' ? 4 : 1);
  const weights = runtimeWeights(model, form);
  const largest = { rows: 1, length: tokens };
  const several = await createThreadedEncoder(weights, { largest, threads: threadsOf(options.threads) });
  const encoders = [createEncoder(weights, { largest }), several];
  const generator = random(0, 'bench ids');
  const batch = [
    { ids: Int32Array.from({ length: tokens }, () => generator.integer(model.config.vocab_size)) },
  ];
  const other = busy ? spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }) : undefined;
  const times = encoders.map(() => []);
  try {
    for (let run = 0; run < runs + WARMUP; run++)
      for (const [i, encoder] of encoders.entries()) {
        const start = performance.now();
        encoder.classify(batch);
        times[i].push(performance.now() - start);
      }
  } finally {
    other?.kill();
  }
  const measured = times.map((of) => of.slice(WARMUP));
  const [least, middle] = [measured.map((of) => Math.min(...of)), measured.map(median)];
  console.log(
    `${shape} ${form}, 1 x ${tokens}, ${sparsity} zeros, ${busy ? 'one core busy, ' : ''}Node ${process.version}, ` +
      `${cpus().length} cores, ${cpus()[0].model}`,
  );
  for (const [i, { threads: count }] of encoders.entries()) {
    const of = (values) => `${values[i].toFixed(2)} ms (${(values[0] / values[i]).toFixed(2)}x)`;
    console.log(`threads ${count}: median ${of(middle)}, least ${of(least)} of ${runs} runs`);
  }
  await several[Symbol.asyncDispose]();
  return 0;
}

/** The options, or what is wrong with them. */
function parse(args) {
  const text = (value) => ({ type: 'string', default: value });
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        ...{ shape: text('bert-base'), form: text('q15'), tokens: text('128'), sparsity: text('0.9') },
        ...{ threads: text('2'), runs: text('50'), busy: { type: 'boolean', default: false } },
      },
    }));
  } catch (error) {
    return error.message;
  }
  const { shape, form } = values;
  if (!Object.hasOwn(SHAPES, shape))
    return `--shape: expected ${Object.keys(SHAPES).join(', ')}, found ${shape}`;
  if (!['f32', 'q15', 'int8'].includes(form)) return `--form: expected f32, q15 or int8, found ${form}`;
  const sparsity = Number(values.sparsity);
  if (!(sparsity >= 0 && sparsity < 1))
    return `--sparsity: expected a number from 0 to below 1, found ${values.sparsity}`;
  const counts = Object.fromEntries(
    ['tokens', 'threads', 'runs'].map((name) => [name, Number(values[name])]),
  );
  for (const [name, value] of Object.entries(counts))
    if (!Number.isInteger(value) || value < 1)
      return `--${name}: expected an integer from 1, found ${values[name]}`;
  return { shape, form, sparsity, busy: values.busy, ...counts };
}

/** Zeros this share of the blocks of the encoder's matrices, drawn at random. */
function prune(model, sparsity, block) {
  let state = 1;
  for (const [name, { data }] of model.tensors) {
    if (!bert.encoderLinear.test(name)) continue;
    for (let start = 0; start < data.length; start += block) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      if (state < sparsity * 2 ** 32) data.fill(0, start, start + block);
    }
  }
}
