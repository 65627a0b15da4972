// Our side of the step benchmarks: fine-tunes or pre-trains a random BERT on one batch over and over, in this process.
// Prints one JSON line.
//
//   node bench/ours-step.js --objective train|pretrain --size mini [--steps 20] [--warmup 3] [--threads 2]
import { parseArgs } from 'node:util';
import { random } from '../packages/espalier/dist/random.js';
import { settingsSchema } from '../packages/espalier/dist/train/settings.js';
import { taskObjective } from '../packages/espalier/dist/train/task-objective.js';
import { pretrainBatches, pretrainObjective } from '../packages/espalier/dist/train/pretrain-objective.js';
import { createTrainer } from '../packages/espalier/dist/train/trainer.js';
import { median } from './median.js';
import { randomBert } from './random-bert.js';
import { batchOf, PRETRAIN, SIZES } from './sizes.js';

const { values } = parseArgs({
  options: {
    objective: { type: 'string', default: 'train' },
    size: { type: 'string', default: 'mini' },
    steps: { type: 'string', default: '20' },
    warmup: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
  },
});
const [steps, warmup, threads] = [Number(values.steps), Number(values.warmup), Number(values.threads)];
const { rows, tokens } = batchOf(values.size, values.objective);

const model = randomBert(SIZES[values.size], values.objective);
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
/** Pre-training on the same ids: fixed positions are masked, the words there are to be found. */
function pretraining() {
  const draw = (limit) => Int32Array.from({ length: PRETRAIN.masked }, (_, i) => (i * 6 + 1) % limit);
  const masked = examples.map((example) => ({
    ...example,
    positions: draw(tokens),
    targets: draw(tokens).map((position) => example.ids[position]),
  }));
  const batches = pretrainBatches(masked, { rows, length: tokens }, () => rows * PRETRAIN.masked, 0);
  const masking = { style: 'exact', probability: 0.15, wholeWord: false };
  const data = { corpus: corpusOf(8 * rows * tokens), masking, nextSentence: true, seed: 0 };
  return { ...pretrainObjective({ data, settings }), batches: () => batches };
}

/** Made-up text in sentences of 16 tokens and documents of 512: the objective wants a corpus, the batch is fixed. */
function corpusOf(count) {
  const every = (extent) => Int32Array.from({ length: count / extent + 1 }, (_, i) => i * extent);
  return {
    ids: Int32Array.from({ length: count }, () => generator.integer(model.config.vocab_size)),
    continues: new Uint8Array(count),
    sentences: every(16),
    documents: every(512).map((offset) => offset / 16),
    vocabSize: model.config.vocab_size,
    ...{ padId: 0, clsId: 101, sepId: 102, maskId: 103 },
    specials: new Set(),
  };
}

const trainer = createTrainer({
  model,
  objective:
    values.objective === 'pretrain'
      ? pretraining()
      : taskObjective({ task, examples, settings, seed: 0, padId: 0 }),
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
