// Fills the tables of docs/results.md: a grid of recipes, sparsities, rates and seeds on one task, one JSON line
// per finished cell. Cells already in the output file are skipped, so a killed run continues.
//
//   node scripts/results.mjs --model DIR --data DIR --task sst2 --recipes rpp,nip --sparsities 0.8 \
//     --rates 3e-4 --seeds 0,1,2 --steps 1000 --out results.jsonl [--batch-size 32] [--max-length 128] [--threads 2]
//     [--teacher DIR] [--tag TEXT] [--keep DIR] [--set key=value]
//
// A tag tells cells of several models apart; --keep leaves the models in a folder.
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  atRate,
  builtinRecipe,
  compress,
  finetune,
  hasOption,
  setOption,
} from '../packages/espalier/dist/index.js';
import { finishedCells } from './finished-cells.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string' },
    task: { type: 'string' },
    recipes: { type: 'string', default: 'dense' },
    sparsities: { type: 'string', default: '0.8' },
    rates: { type: 'string', default: '5e-5' },
    seeds: { type: 'string', default: '0' },
    steps: { type: 'string' },
    epochs: { type: 'string' },
    out: { type: 'string' },
    teacher: { type: 'string' },
    tag: { type: 'string' },
    keep: { type: 'string' },
    set: { type: 'string', multiple: true, default: [] },
    'batch-size': { type: 'string', default: '32' },
    'max-length': { type: 'string', default: '128' },
    threads: { type: 'string', default: '2' },
  },
});
const list = (text) => text.split(',');
const done = finishedCells(values.out);
const control = { onEvent: () => {}, stopRequested: () => false };
const budget = values.steps ? { steps: Number(values.steps) } : { epochs: Number(values.epochs ?? 3) };

for (const seed of list(values.seeds)) {
  for (const rate of list(values.rates)) {
    const settings = {
      ...budget,
      lr: Number(rate),
      batchSize: Number(values['batch-size']),
      maxLength: Number(values['max-length']),
    };
    for (const name of list(values.recipes)) {
      for (const sparsity of name === 'dense' ? ['0'] : list(values.sparsities)) {
        const parts = [values.task, name, sparsity, rate, seed, JSON.stringify(budget), ...values.set];
        const cell = [...(values.tag ? [values.tag] : []), ...parts].join(' ');
        if (done.has(cell)) continue;
        const out = values.keep
          ? join(values.keep, cell.replace(/[^\w.-]+/g, '-'))
          : mkdtempSync(join(tmpdir(), 'espalier-'));
        const common = {
          model: values.model,
          data: values.data,
          task: values.task,
          out,
          overwrite: true,
          settings,
          seed: Number(seed),
          threads: Number(values.threads),
          checkpointEvery: 1e9,
        };
        let report;
        if (name === 'dense') report = await finetune(common, control);
        else {
          const named = atRate(builtinRecipe(name), Number(rate), 'finetune');
          // A sparse model keeps its own sparsity: `lock` and the like have no such option.
          let recipe = hasOption(named, 'sparsity') ? setOption(named, 'sparsity', Number(sparsity)) : named;
          for (const pair of values.set) {
            const [key, value] = pair.split('=');
            recipe = setOption(recipe, key, Number.isNaN(Number(value)) ? value : Number(value));
          }
          // The dense model is a row of its own, so it is not trained again here: the base stands in for it.
          report = await compress({ ...common, recipe, teacher: values.teacher, dense: null }, control);
        }
        if (!values.keep) rmSync(out, { recursive: true, force: true });
        const { metrics, sparsity: reached, finalAdjustment, seconds, steps } = report;
        const scores = metrics.compressed ?? metrics.dense;
        const line = {
          cell,
          task: values.task,
          ...(values.tag && { tag: values.tag }),
          recipe: name,
          sparsity: Number(sparsity),
          lr: Number(rate),
          seed: Number(seed),
          scores,
          reached: reached.encoder,
          finalAdjustment,
          steps,
          seconds,
        };
        appendFileSync(values.out, `${JSON.stringify(line)}\n`);
        console.log(
          cell,
          JSON.stringify(scores),
          'reached',
          reached.encoder.toFixed(4),
          'adjustment',
          finalAdjustment,
          `${Math.round(seconds)} s`,
        );
      }
    }
  }
}
