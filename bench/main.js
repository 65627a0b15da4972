// The benchmarks of this repository: `npm run bench -- NAME [options]`. Build first: they run the compiled code.
import { int8 } from './int8.js';
import { step } from './step.js';

const BENCHMARKS = { int8, train: step('train'), pretrain: step('pretrain') };

const [name, ...args] = process.argv.slice(2);
if (name !== undefined && Object.hasOwn(BENCHMARKS, name)) {
  process.exitCode = await BENCHMARKS[name](args);
} else {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [options]`);
  process.exitCode = 2;
}
