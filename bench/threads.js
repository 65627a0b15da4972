// A packed BERT with one thread and with several, in one process and in turn: random weights, one sequence. With --busy
// another process keeps a core busy meanwhile.
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { load } from '../packages/runtime/dist/index.js';
import { threads as threadsOf } from '../packages/runtime/dist/threads/index.js';
import { random } from '../packages/espalier/dist/random.js';
import { median } from './median.js';
import { packBert, SPARSITY } from './packed-bert.js';
import { SHAPES } from './sizes.js';

const USAGE =
  `npm run bench -- threads --shape ${Object.keys(SHAPES).join('|')} --form f32|q15|int8 --tokens 128 ` +
  '[--threads 2] [--runs 50] [--busy]';

const WARMUP = 5;

/** Takes arguments, returns the exit status, 2 for wrong options. */
export async function threads(args) {
  const options = parse(args);
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const { shape, form, tokens, runs, busy } = options;
  const pack = packBert(shape, form === 'int8' ? '1x4' : 'int8', 'int8');
  const largest = { rows: 1, length: tokens };
  const several = await load(pack, { form, largest, threads: threadsOf(options.threads) });
  const models = [await load(pack, { form, largest }), several];
  const generator = random(0, 'bench ids');
  const ids = Int32Array.from({ length: tokens }, () => generator.integer(several.config.vocabulary));
  const other = busy ? spawn(process.execPath, ['--eval', 'for (;;);'], { stdio: 'ignore' }) : undefined;
  const times = models.map(() => []);
  try {
    for (let run = 0; run < runs + WARMUP; run++)
      for (const [i, model] of models.entries()) {
        const start = performance.now();
        await model.classifyIds([{ ids }]);
        times[i].push(performance.now() - start);
      }
  } finally {
    other?.kill();
  }
  const measured = times.map((of) => of.slice(WARMUP));
  const [least, middle] = [measured.map((of) => Math.min(...of)), measured.map(median)];
  console.log(
    `${shape} ${form}, 1 x ${tokens}, ${100 * SPARSITY} % zeros, ${busy ? 'one core busy, ' : ''}Node ${process.version}, ` +
      `${cpus().length} cores, ${cpus()[0].model}`,
  );
  for (const [i, { threads: count }] of models.entries()) {
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
        ...{ shape: text('bert-base'), form: text('q15'), tokens: text('128') },
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
  const counts = Object.fromEntries(
    ['tokens', 'threads', 'runs'].map((name) => [name, Number(values[name])]),
  );
  for (const [name, value] of Object.entries(counts))
    if (!Number.isInteger(value) || value < 1)
      return `--${name}: expected an integer from 1, found ${values[name]}`;
  return { shape, form, busy: values.busy, ...counts };
}
