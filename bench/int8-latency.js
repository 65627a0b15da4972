// One form of one model in this process: writes the ONNX file in memory and runs it. Prints one JSON line.
import { parseArgs } from 'node:util';
import { InferenceSession } from 'onnxruntime-node';
import { calibrate } from '../packages/espalier/dist/export/calibrate.js';
import { dynamicInt8Bytes } from '../packages/espalier/dist/export/dynamic-int8.js';
import { int8Bytes } from '../packages/espalier/dist/export/int8.js';
import { onnxBytes } from '../packages/espalier/dist/export/onnx.js';
import { onnxFeeds } from '../packages/espalier/dist/export/onnx-predictor.js';
import { random } from '../packages/espalier/dist/random.js';
import { median } from './median.js';
import { randomBert } from './random-bert.js';
import { SIZES } from './sizes.js';

const { values } = parseArgs({
  options: Object.fromEntries(
    ['form', 'size', 'tokens', 'runs', 'threads'].map((name) => [name, { type: 'string' }]),
  ),
});
const [tokens, runs, threads] = [Number(values.tokens), Number(values.runs), Number(values.threads)];
const model = randomBert(SIZES[values.size]);
const generator = random(0, 'bench ids');
const example = {
  index: 0,
  ids: Int32Array.from({ length: tokens }, () => generator.integer(model.config.vocab_size)),
  typeIds: new Uint8Array(tokens),
  label: 0,
};
const fixed = async (weights) =>
  int8Bytes(model, await calibrate(model, [example], { weights, observer: 'minmax', threads }));
const FORMS = {
  f32: () => onnxBytes(model),
  dynamic: () => dynamicInt8Bytes(model, { perRow: false, tables: false }),
  static: () => fixed('per-tensor'),
  'static-per-channel': () => fixed('per-channel'),
};
const bytes = await FORMS[values.form]();
const session = await InferenceSession.create(bytes, { intraOpNumThreads: threads, logSeverityLevel: 3 });
const feeds = onnxFeeds([example], tokens);
const times = [];
for (let i = 0; i < runs + 5; i++) {
  const started = performance.now();
  await session.run(feeds);
  times.push(performance.now() - started);
}
await session.release();
console.log(JSON.stringify({ milliseconds: median(times.slice(5)), bytes: bytes.length }));
