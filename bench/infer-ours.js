// Our runtime in one form in this process: a random sparse BERT, one sequence over and over. Prints one JSON line.
//
//   node bench/infer-ours.js --form f32|q15|int8-1x4 --size bert-base --tokens 128 --sparsity 0.9 --runs 20 [--simd]
import { parseArgs } from 'node:util';
import { createEncoder } from '../packages/runtime/dist/encoder/index.js';
import { runtimeWeights } from '../packages/espalier/dist/export/runtime-weights.js';
import { bert } from '../packages/espalier/dist/models/bert.js';
import { random } from '../packages/espalier/dist/random.js';
import { median } from './median.js';
import { randomBert } from './random-bert.js';
import { SHAPES } from './sizes.js';

const { values } = parseArgs({
  options: {
    ...Object.fromEntries(
      ['form', 'size', 'tokens', 'sparsity', 'runs'].map((name) => [name, { type: 'string' }]),
    ),
    simd: { type: 'boolean', default: false },
  },
});
const [tokens, runs] = [Number(values.tokens), Number(values.runs)];
const FORMS = { f32: ['f32', 1], q15: ['q15', 1], 'int8-1x4': ['int8', 4] };
const [form, block] = FORMS[values.form];

const model = randomBert(SHAPES[values.size]);
prune(Number(values.sparsity));
const levels = values.simd ? ['simd', 'scalar'] : undefined;
const started = performance.now();
const largest = { rows: 1, length: tokens };
const encoder = createEncoder(runtimeWeights(model, form), { largest, ...(levels && { levels }) });
const opened = performance.now() - started;

const generator = random(0, 'bench ids');
const batch = [
  { ids: Int32Array.from({ length: tokens }, () => generator.integer(model.config.vocab_size)) },
];
const times = [];
for (let i = 0; i < runs + 5; i++) {
  const start = performance.now();
  encoder.classify(batch);
  times.push(performance.now() - start);
}
const milliseconds = median(times.slice(5));
console.log(JSON.stringify({ milliseconds, opened, bytes: encoder.bytes, levels: encoder.levels }));

/** Zeros this share of the blocks of the encoder's matrices, drawn at random. */
function prune(sparsity) {
  let state = 1;
  for (const [name, { data }] of model.tensors) {
    if (!bert.encoderLinear.test(name)) continue;
    for (let start = 0; start < data.length; start += block) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      if (state < sparsity * 2 ** 32) data.fill(0, start, start + block);
    }
  }
}
