// Our side of the training benchmark: fine-tunes a random BERT on one batch over and over, in this process.
// Prints one JSON line.
//
//   node bench/ours-train.js --size mini [--steps 20] [--warmup 3] [--threads 2]
import { parseArgs } from 'node:util';
import { random } from '../packages/espalier/dist/random.js';
import { settingsSchema } from '../packages/espalier/dist/train/settings.js';
import { taskObjective } from '../packages/espalier/dist/train/task-objective.js';
import { createTrainer } from '../packages/espalier/dist/train/trainer.js';
import { median } from './median.js';
import { randomBert } from './random-bert.js';
import { SIZES } from './sizes.js';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: 'mini' },
    steps: { type: 'string', default: '20' },
    warmup: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
  },
});
const [steps, warmup, threads] = [Number(values.steps), Number(values.warmup), Number(values.threads)];
const size = SIZES[values.size];
const { rows, tokens } = size;

const model = randomBert(size);
const task = { name: 'bench', kind: 'classification', labels: ['no', 'yes'], metrics: ['accuracy'] };
const settings = settingsSchema.parse({
  batchSize: rows,
  maxLength: tokens,
  lr: 1e-4,
  warmup: 0,
  schedule: 'constant',
});
const generator = random(0, 'bench ids');
const examples = Array.from({ length: rows }, (_, index) => ({
  index,
  ids: Int32Array.from({ length: tokens }, () => generator.integer(model.config.vocab_size)),
  typeIds: new Uint8Array(tokens),
  label: generator.integer(2),
}));
const trainer = createTrainer({
  model,
  objective: taskObjective({ task, examples, settings, seed: 0, padId: 0 }),
  methods: [],
  settings,
  steps: warmup + steps,
  seed: 0,
  threads,
  device: 'cpu',
});
model.tensors.clear(); // the store has copies

const results = [];
for (let step = 0; step < warmup + steps; step++) results.push(await trainer.step());
await trainer.release();

const timed = results.slice(warmup).map(({ milliseconds }) => milliseconds);
const report = {
  secondsPerStep: median(timed.map(({ total }) => total)) / 1000,
  steps,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  overhead: median(timed.map(({ session, pass, total }) => 1 - (session + pass) / total)),
  sessionMs: median(timed.map(({ session }) => session)),
  passMs: median(timed.map(({ pass }) => pass)),
  losses: results.map(({ loss }) => loss),
};
console.log(JSON.stringify(report));
