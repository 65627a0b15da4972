// One sequence through our runtime against ONNX Runtime on the dense model, in float32 and in the fastest kind of int8,
// native and in WebAssembly: all in fresh processes that alternate, medians over the rounds.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { env } from 'onnxruntime-web';
import { busyNote, machineNow } from '../packages/espalier/dist/bench/machine.js';
import { race, RUN_ONNX, RUN_PACKED } from '../packages/espalier/dist/bench/race.js';
import { RELAXED_SIMD } from '../packages/espalier/dist/export/relaxed-simd.js';
import { versions } from '../packages/espalier/dist/versions.js';
import { inferModels } from './infer-models.js';
import { parseInfer, USAGE } from './infer-options.js';
import { printInfer } from './infer-print.js';
import { summarise } from './infer-summary.js';

const RUN_WEB = fileURLToPath(new URL('infer-web.js', import.meta.url));
const WARMUP = 5;
/** What joins neighbouring vectors to 256 bits: an experiment of V8, in Node from 24 on. */
const REVECTORIZE =
  Number(process.versions.node.split('.')[0]) < 24 ? [] : ['--experimental-wasm-revectorize'];

/** Takes arguments, returns the exit status: 2 for wrong options, 1 where the race cannot be held. */
export async function infer(args) {
  const options = parseInfer(args);
  if (typeof options === 'string') {
    console.error(`${options}\n${USAGE}`);
    return 2;
  }
  const machine = machineNow();
  if (machine.busy) console.error(busyNote(machine));
  let stopped = false;
  process.once('SIGINT', () => (stopped = true));
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  try {
    const { batch, ours, theirs } = await inferModels(options, folder);
    const laps = await race(sidesOf(ours, theirs, options.threads), {
      ...{ batch, rounds: options.rounds, warmup: WARMUP, runs: options.runs },
      note: (message) => console.error(message),
      stopRequested: () => stopped,
    });
    const summary = summarise(Object.keys(ours), laps);
    const result = {
      ...summary,
      options,
      machine,
      versions: { ...versions(), 'onnxruntime-web': env.versions.web },
    };
    printInfer(result);
    if (options.json) console.log(JSON.stringify(result));
    return 0;
  } catch (error) {
    console.error(`infer: ${error.message}`);
    return 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ours with all instructions, with plain SIMD and, where there is such a thing, revectorized; theirs native and in WebAssembly. */
function sidesOf(ours, theirs, threads) {
  const of = (model, name, program, rest = {}) => {
    const { file, form, expected, rounding } = model;
    const { flags = [], levels } = rest;
    return { name, program, flags, expected, rounding, request: { file, threads, form, levels } };
  };
  const each = (models, make) => Object.entries(models).map(([name, model]) => make(name, model));
  return [
    ...each(ours, (name, model) => of(model, name, RUN_PACKED, { flags: RELAXED_SIMD })),
    ...each(ours, (name, model) => of(model, `${name} plain`, RUN_PACKED, { levels: ['simd', 'scalar'] })),
    ...each(REVECTORIZE.length > 0 ? ours : {}, (name, model) =>
      of(model, `${name} revectorized`, RUN_PACKED, { flags: [...RELAXED_SIMD, ...REVECTORIZE] }),
    ),
    ...each(theirs, (name, model) => of(model, `ort-node ${name}`, RUN_ONNX)),
    ...each(theirs, (name, model) => of(model, `ort-web ${name}`, RUN_WEB)),
  ];
}
