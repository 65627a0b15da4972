// One sequence through our runtime, random weights at a sparsity, against ONNX Runtime on the dense model in float32 and
// int8: each side in fresh processes that alternate, medians over the rounds.
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { median } from './median.js';
import { SHAPES } from './sizes.js';

const USAGE =
  `npm run bench -- infer --shape ${Object.keys(SHAPES).join('|')} --tokens 16|128 --sparsity 0.9 ` +
  '[--rounds 3] [--runs 20] [--json]';

const OURS = ['f32', 'q15', 'int8-1x4'];
const INT8 = ['dynamic', 'static', 'static-per-channel'];

/** Node's flag for relaxed SIMD, where it is one: later versions have it by default. */
const RELAXED = Number(process.versions.node.split('.')[0]) < 22 ? ['--experimental-wasm-relaxed-simd'] : [];

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const run = promisify(execFile);

/** Takes arguments, returns the exit status, 2 for wrong options. */
export async function infer(args) {
  const options = parse(args);
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const { shape, tokens, sparsity, rounds, runs, json } = options;
  const shared = ['--size', shape, '--tokens', `${tokens}`, '--runs', `${runs}`];
  const ours = (form, flags, extra) => () =>
    measure([
      ...flags,
      here('infer-ours.js'),
      '--form',
      form,
      '--sparsity',
      `${sparsity}`,
      ...shared,
      ...extra,
    ]);
  const onnx = (form) => () =>
    measure([here('latency-form.js'), '--form', form, ...shared, '--threads', '1']);
  const sides = {
    ...Object.fromEntries(OURS.map((form) => [form, ours(form, RELAXED, [])])),
    ...Object.fromEntries(OURS.map((form) => [`${form} plain SIMD`, ours(form, [], ['--simd'])])),
    ...Object.fromEntries(['f32', ...INT8].map((form) => [`ort-node ${form}`, onnx(form)])),
  };
  const results = Object.fromEntries(Object.keys(sides).map((side) => [side, []]));
  for (let round = 0; round < rounds; round++)
    for (const [side, once] of Object.entries(sides)) results[side].push((await once()).milliseconds);
  const milliseconds = Object.fromEntries(
    Object.entries(results).map(([side, times]) => [side, median(times)]),
  );

  const opponent = INT8.reduce((a, b) =>
    milliseconds[`ort-node ${b}`] < milliseconds[`ort-node ${a}`] ? b : a,
  );
  const against = { 'ort-node-f32': 'ort-node f32', 'ort-node-int8': `ort-node ${opponent}` };
  const ratiosOf = (side) =>
    Object.fromEntries(
      Object.entries(against).map(([name, other]) => [name, milliseconds[other] / milliseconds[side]]),
    );
  const sidesOfOurs = Object.keys(sides).slice(0, 2 * OURS.length);
  const ratios = Object.fromEntries(sidesOfOurs.map((side) => [side, ratiosOf(side)]));
  console.log(
    `${shape}, 1 x ${tokens}, ${sparsity} zeros, 1 thread, Node ${process.version}, ${cpus()[0].model}`,
  );
  console.log(
    `medians of ${rounds} rounds of ${runs} runs; the fastest int8 of ONNX Runtime is ${opponent}\n`,
  );
  for (const [side, time] of Object.entries(milliseconds)) {
    const cells = Object.entries(ratios[side] ?? {}).map(([name, ratio]) => `${ratio.toFixed(2)}x ${name}`);
    console.log(`${side.padEnd(30)}${`${time.toFixed(2)} ms`.padEnd(12)}${cells.join('  ')}`);
  }
  if (json) console.log(JSON.stringify({ ratios, milliseconds, int8: opponent }));
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
        ...{ shape: text('bert-base'), tokens: text('128'), sparsity: text('0.9') },
        ...{ rounds: text('3'), runs: text('20'), json: { type: 'boolean', default: false } },
      },
    }));
  } catch (error) {
    return error.message;
  }
  if (!Object.hasOwn(SHAPES, values.shape))
    return `--shape: expected ${Object.keys(SHAPES).join(', ')}, found ${values.shape}`;
  const numbers = { sparsity: Number(values.sparsity) };
  if (!(numbers.sparsity >= 0 && numbers.sparsity < 1))
    return `--sparsity: expected a number from 0 to below 1, found ${values.sparsity}`;
  for (const name of ['tokens', 'rounds', 'runs']) {
    numbers[name] = Number(values[name]);
    if (!Number.isInteger(numbers[name]) || numbers[name] < 1)
      return `--${name}: expected an integer from 1, found ${values[name]}`;
  }
  return { ...values, ...numbers };
}

/** The JSON line that a side prints last. */
async function measure(args) {
  const { stdout } = await run(process.execPath, args, { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1));
}
