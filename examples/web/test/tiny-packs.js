// Packed BERTs of the garden language with random weights, 80 % of the encoder's zero, made by the toolkit as `export` does.
import {
  gardenConfig,
  gardenTask,
  gardenTokenizerFiles,
} from '../../../packages/espalier/dist/data/garden/garden.js';
import { packModel } from '../../../packages/espalier/dist/export/pack.js';
import { randomBert } from '../../../packages/espalier/dist/models/initialise.js';
import { withHead } from '../../../packages/espalier/dist/models/task-model.js';

const KEPT = 1.2816; // a normal value is larger than this many deviations in a fifth of all cases

const SEED = 4; // of weights that find some texts positive, some negative

const { task, dev } = gardenTask('sentiment', 1, { train: 0, dev: 8 });
const regression = { ...task, name: 'similarity', kind: 'regression', labels: ['score'] };

/** Sentences of the garden. */
export const texts = dev.map(({ text }) => text);

function pruned(model) {
  const deviation = model.config.initializer_range;
  const tensors = new Map(
    Array.from(model.tensors, ([name, tensor]) => {
      if (!/encoder\..*weight$/.test(name) || tensor.shape.length !== 2) return [name, tensor];
      const data = tensor.data.map((value) => (Math.abs(value) > KEPT * deviation ? value : 0));
      return [name, { ...tensor, data }];
    }),
  );
  return { ...model, tensors };
}

function pack(of, files, values = 'f16') {
  const config = { ...gardenConfig(), initializer_range: 0.15 };
  const model = pruned(withHead(randomBert(config, SEED, files), of, SEED));
  return packModel(model, { values, embeddings: 'int8' }, of).bytes;
}

const whole = pack(task, gardenTokenizerFiles());
const damaged = whole.slice();
damaged[damaged.length >> 1] ^= 1;

/** Bytes by the name of the file. */
export const packs = {
  'garden.espalier': whole, // computed in f32
  'fixed.espalier': pack(task, gardenTokenizerFiles(), 'int8'), // computed in int8
  'regression.espalier': pack(regression, gardenTokenizerFiles()),
  'no-tokenizer.espalier': pack(task, new Map()),
  'damaged.espalier': damaged,
  'no-model.espalier': new TextEncoder().encode('<!doctype html><title>Not found</title>'.repeat(9)),
};
