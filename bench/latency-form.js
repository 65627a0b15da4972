// One form of one model in this process: writes the ONNX file in memory and runs it. Prints one JSON line.
import { parseArgs } from 'node:util';
import { InferenceSession } from 'onnxruntime-node';
import { onnxBytes } from '../packages/espalier/dist/export/onnx.js';
import { onnxFeeds } from '../packages/espalier/dist/export/onnx-predictor.js';
import { bert } from '../packages/espalier/dist/models/bert.js';
import { groupsOf, keepGroups } from '../packages/espalier/dist/models/groups.js';
import { droppedLayers, dropLayers } from '../packages/espalier/dist/models/layers.js';
import { withStructure } from '../packages/espalier/dist/models/structure.js';
import { random } from '../packages/espalier/dist/random.js';
import { int8Forms } from './int8-forms.js';
import { median } from './median.js';
import { randomBert } from './random-bert.js';
import { SHAPES, SIZES } from './sizes.js';

const { values } = parseArgs({
  options: Object.fromEntries(
    ['form', 'size', 'tokens', 'runs', 'threads'].map((name) => [name, { type: 'string' }]),
  ),
});
const [tokens, runs, threads] = [Number(values.tokens), Number(values.runs), Number(values.threads)];
const model = randomBert({ ...SIZES, ...SHAPES }[values.size]);
const generator = random(0, 'bench ids');
const example = {
  index: 0,
  ids: Int32Array.from({ length: tokens }, () => generator.integer(model.config.vocab_size)),
  typeIds: new Uint8Array(tokens),
  label: 0,
};

/** The model without the top of its layers. */
function ofLayers(fraction) {
  const { num_hidden_layers: layers } = model.config;
  return dropLayers(model, droppedLayers('top', Math.round((1 - fraction) * layers), layers));
}

/** The model with this fraction of its heads and neurons, the first ones of every block. */
function ofGroups(fraction) {
  const tensors = new Map(model.tensors);
  const all = groupsOf(bert.blocks, model.config);
  const kept = (kind) =>
    all[kind].map((groups) => {
      const stay = Array.from({ length: Math.round(fraction * groups.count) }, (_, i) => i);
      keepGroups(tensors, groups, stay);
      return stay.length;
    });
  const structure = { heads: kept('heads'), neurons: kept('neurons') };
  return { ...model, tensors, config: withStructure(model.config, structure) };
}

const FORMS = {
  f32: () => onnxBytes(model),
  ...int8Forms(model, [example], threads),
  'layers-5/6': () => onnxBytes(ofLayers(5 / 6)),
  'layers-2/3': () => onnxBytes(ofLayers(2 / 3)),
  'layers-1/2': () => onnxBytes(ofLayers(1 / 2)),
  'groups-3/4': () => onnxBytes(ofGroups(3 / 4)),
  'groups-1/2': () => onnxBytes(ofGroups(1 / 2)),
  'layers-1/2-dynamic': () => int8Forms(ofLayers(1 / 2), [], threads).dynamic(),
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
