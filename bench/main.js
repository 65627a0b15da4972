// The benchmarks of this repository: `npm run bench -- NAME [options]`. Build first: they run the compiled code.
import { infer } from './infer.js';
import { latency } from './latency.js';
import { open } from './open.js';
import { step } from './step.js';
import { threads } from './threads.js';
import { web } from './web.js';

// ONNX Runtime would write files of telemetry; children inherit this.
process.env.ORT_DISABLE_TELEMETRY ??= '1';

const BENCHMARKS = {
  infer,
  int8: latency('int8'),
  structure: latency('structure'),
  open,
  threads,
  train: step('train'),
  pretrain: step('pretrain'),
  web,
};

const [name, ...args] = process.argv.slice(2);
if (name !== undefined && Object.hasOwn(BENCHMARKS, name)) {
  process.exitCode = await BENCHMARKS[name](args);
} else {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [options]`);
  process.exitCode = 2;
}
