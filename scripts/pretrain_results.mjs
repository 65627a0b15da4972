// Fills the pre-training tables of docs/results.md: a grid of recipes and sparsities on text, each model kept in a
// folder of its own, one JSON line per finished cell with the curve of held-out scores. Finished cells are skipped and
// interrupted ones resumed.
//
//   node scripts/pretrain_results.mjs --init DIR --corpus DIR --recipes dense,rpp,nip,prune-once --sparsities 0.5,0.8,0.9 \
//     --steps 400 --batch-size 16 --rate 3e-4 --models DIR --out pretrain.jsonl [--threads 2] [--set key=value]
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { atRate, builtinRecipe, hasOption, pretrain, setOption } from '../packages/espalier/dist/index.js';
import { finishedCells } from './finished-cells.mjs';

const { values } = parseArgs({
  options: {
    init: { type: 'string' },
    corpus: { type: 'string', multiple: true },
    recipes: { type: 'string' },
    sparsities: { type: 'string', default: '0.8' },
    steps: { type: 'string' },
    'batch-size': { type: 'string', default: '32' },
    'max-length': { type: 'string', default: '128' },
    rate: { type: 'string', default: '3e-4' },
    seed: { type: 'string', default: '0' },
    'eval-every': { type: 'string', default: '100' },
    'held-sequences': { type: 'string', default: '512' },
    set: { type: 'string', multiple: true, default: [] },
    models: { type: 'string' },
    out: { type: 'string' },
    threads: { type: 'string', default: '2' },
  },
});
const list = (text) => text.split(',');
const done = finishedCells(values.out);
const control = {
  onEvent: (event) => event.type === 'note' && console.error(event.message),
  stopRequested: () => false,
};
const [steps, lr] = [Number(values.steps), Number(values.rate)];

function recipeOf(name, sparsity) {
  let recipe = setOption(builtinRecipe(name), 'sparsity', Number(sparsity));
  for (const pair of values.set) {
    const [key, value] = pair.split('=');
    if (hasOption(recipe, key))
      recipe = setOption(recipe, key, Number.isNaN(Number(value)) ? value : Number(value));
  }
  return atRate(recipe, lr, 'pretrain');
}

/** Scores on held-out text over steps and seconds, from the log of a run. */
function curveOf(folder) {
  let seconds = 0;
  const curve = [];
  for (const line of readFileSync(join(folder, 'metrics.jsonl'), 'utf8').split('\n').filter(Boolean)) {
    const entry = JSON.parse(line);
    if (entry.seconds !== undefined) seconds += entry.seconds;
    if (entry.evaluation) curve.push({ step: entry.step, seconds, ...entry.evaluation });
  }
  return curve;
}

for (const name of list(values.recipes)) {
  for (const sparsity of name === 'dense' ? ['0'] : list(values.sparsities)) {
    const cell = [
      name,
      sparsity,
      `${steps}x${values['batch-size']}`,
      values.rate,
      values.seed,
      ...values.set,
    ].join(' ');
    if (done.has(cell)) continue;
    const folder = join(values.models, `${name}-${sparsity}-${values.seed}`);
    const report = await pretrain(
      {
        init: values.init,
        corpus: values.corpus,
        ...(name !== 'dense' && { recipe: recipeOf(name, sparsity) }),
        settings: {
          steps,
          lr,
          batchSize: Number(values['batch-size']),
          maxLength: Number(values['max-length']),
          warmup: 0.05,
        },
        seed: Number(values.seed),
        threads: Number(values.threads),
        evalEvery: Number(values['eval-every']),
        heldSequences: Number(values['held-sequences']),
        out: folder,
        resume: existsSync(folder),
      },
      control,
    );
    const { metrics, sparsity: reached, finalAdjustment, seconds } = report;
    const line = {
      cell,
      recipe: name,
      sparsity: Number(sparsity),
      steps,
      lr,
      seed: Number(values.seed),
      options: values.set,
      before: metrics.compressed ? metrics.dense : undefined,
      scores: metrics.compressed ?? metrics.dense,
      reached: reached.encoder,
      finalAdjustment,
      seconds,
      curve: curveOf(folder),
      model: folder.split('/').at(-1),
    };
    appendFileSync(values.out, `${JSON.stringify(line)}\n`);
    console.log(
      cell,
      JSON.stringify(line.scores),
      'reached',
      reached.encoder.toFixed(4),
      finalAdjustment,
      `${Math.round(seconds)} s`,
    );
  }
}
