// The shuffle and re-initialisation tests of Adapting by Pruning on one adapter: the scores of the adapter and of what
// is left when its mask is shuffled within every tensor, its weights are disturbed by 1 %, or drawn anew.
//
//   node scripts/adapt_analyses.mjs --model ADAPTER --task sst2 --data DIR [--base DIR] [--seed 0] [--threads 2]
//     [--steps 0] [--lr 1e-3]
//
// With --steps the head goes on for as many steps over the disturbed weights. Prints one JSON object.
import { parseArgs } from 'node:util';
import { analyseAdapter } from '../packages/espalier/dist/index.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    task: { type: 'string' },
    data: { type: 'string' },
    base: { type: 'string' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string', default: '2' },
    steps: { type: 'string', default: '0' },
    lr: { type: 'string', default: '1e-3' },
  },
});
const { model, task, data, base } = values;
const [seed, threads, steps, lr] = [values.seed, values.threads, values.steps, values.lr].map(Number);
const control = {
  onEvent: (event) => event.type === 'note' && console.error(event.message),
  stopRequested: () => false,
};
const options = { model, task, data, seed, threads, steps, settings: { lr } };
console.log(JSON.stringify(await analyseAdapter({ ...options, ...(base && { base }) }, control)));
