// What the inference benchmark races: packed files for our side, ONNX files of the dense model for the other, all
// written to a folder.
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sequencesOf } from '../packages/espalier/dist/bench/message.js';
import { expectedLogits } from '../packages/espalier/dist/bench/race.js';
import { onnxBytes } from '../packages/espalier/dist/export/onnx.js';
import { packModel } from '../packages/espalier/dist/export/pack.js';
import { layersOf } from '../packages/espalier/dist/export/pack-layers.js';
import { loadModel } from '../packages/espalier/dist/models/adapter.js';
import { familyOf, longestInput } from '../packages/espalier/dist/models/families.js';
import { isPack, loadPack, packedSections } from '../packages/espalier/dist/models/pack-file.js';
import { int8Forms } from './int8-forms.js';
import { randomBert } from './random-bert.js';
import { SHAPES } from './sizes.js';

/** Names of the ways our runtime computes, and what it rounds to. */
const FORMS = {
  f32: { form: 'f32', rounding: 'float' },
  q15: { form: 'q15', rounding: 'q15' },
  int8: { form: 'int8', rounding: 'int8' },
  'int8-1x4': { form: 'int8', rounding: 'int8' },
  dense: { form: 'f32', rounding: 'float' },
};

/** The packed file of a compressed model: it is there already, or is made of its directory. */
async function packedFile({ model: path }, folder) {
  const inside = join(path, 'model.espalier');
  if (isPack(path) || existsSync(inside)) return isPack(path) ? path : inside;
  return written(join(folder, 'model.espalier'), packed(await loadModel(path)));
}

/** As `espalier export --to pack` writes it. */
const packed = (model) => packModel(model, { values: 'int8', embeddings: 'int8' }).bytes;

async function written(file, bytes) {
  await writeFile(file, bytes);
  return file;
}

/** A real model: `{ files: { form: path }, dense }`. */
async function realModels(options, folder) {
  const file = await packedFile(options, folder);
  const [form] = Object.keys(layersOf(await packedSections(file), await loadPack(file)));
  const name = { int8: 'int8-1x4', quads: 'int8' }[form] ?? form;
  return { files: { [name]: file }, dense: await loadModel(options.dense ?? file) };
}

/** Random weights: any of them zero, or whole blocks of four. */
async function randomModels({ shape, sparsity }, folder) {
  const sparse = async (name, block) =>
    written(join(folder, name), packed(pruned(randomBert(SHAPES[shape]), sparsity, block)));
  const any = await sparse('any.espalier', 1);
  const blocks = await sparse('blocks.espalier', 4);
  return { files: { f32: any, q15: any, int8: any, 'int8-1x4': blocks }, dense: randomBert(SHAPES[shape]) };
}

/** Zeros this share of the blocks of the encoder's matrices, drawn at random. */
function pruned(model, sparsity, block) {
  const { encoderLinear } = familyOf(model.config);
  let state = 1;
  for (const [name, { data }] of model.tensors) {
    if (!encoderLinear.test(name)) continue;
    for (let start = 0; start < data.length; start += block) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      if (state < sparsity * 2 ** 32) data.fill(0, start, start + block);
    }
  }
  return model;
}

/**
 * Returns the batch; `ours` by form and `theirs` by `f32` and the kinds of int8, each with file, expected logits and
 * rounding.
 */
export async function inferModels(options, folder) {
  const { files, dense } = await (options.model === undefined ? randomModels : realModels)(options, folder);
  const { vocab_size: vocabulary, type_vocab_size: types } = dense.config;
  const longest = longestInput(dense.config);
  if (options.tokens > longest)
    throw new Error(`--tokens ${options.tokens}: the model has ${longest} positions; give fewer`);
  const batch = { rows: 1, tokens: options.tokens, vocabulary, types: Math.max(1, types) };
  const expectedOf = (model) => expectedLogits(model, batch, options.threads);
  const ours = {};
  const logits = new Map();
  for (const [name, file] of Object.entries(files)) {
    if (!logits.has(file)) logits.set(file, await expectedOf(await loadPack(file)));
    ours[name] = { file, expected: logits.get(file), ...FORMS[name] };
  }
  const expected = await expectedOf({ ...dense, quantisation: undefined });
  const theirs = {};
  const calibration = sequencesOf({ ...batch, rows: 8 });
  const makers = { f32: () => onnxBytes(dense), ...int8Forms(dense, calibration, options.threads) };
  for (const [name, make] of Object.entries(makers)) {
    const file = await written(join(folder, `${name}.onnx`), await make());
    theirs[name] = { file, expected, rounding: name === 'f32' ? 'float' : 'int8' };
  }
  return { batch, ours, theirs };
}
