// Which section of a packed BERT is which part of the encoder, and how the packs of the opening benchmark are made.
import { layerForm } from '../packages/runtime/dist/index.js';
import { writePack } from '../packages/runtime/dist/format/index.js';
import { packTensors } from '../packages/espalier/dist/export/pack-form.js';
import { randomBert } from './random-bert.js';
import { SHAPES } from './sizes.js';

/** The encoder of a BERT classifier as sections of its file. */
export function packedBert({ config, tensors }) {
  const section = (name) => tensors.get(name);
  const linear = (name) => {
    const matrix = section(`${name}.weight`);
    return {
      rows: matrix.shape[0],
      matrix,
      bias: section(`${name}.bias`),
      as: layerForm(matrix.kind, 'auto'),
    };
  };
  const norm = (name) => ({ gain: section(`${name}.weight`), bias: section(`${name}.bias`) });
  const table = (name) => {
    const of = section(`bert.embeddings.${name}_embeddings.weight`);
    return { section: of, rows: of.shape[0] };
  };
  const block = (_, i) => {
    const of = (name) => `bert.encoder.layer.${i}.${name}`;
    return {
      attention: {
        query: linear(of('attention.self.query')),
        key: linear(of('attention.self.key')),
        value: linear(of('attention.self.value')),
      },
      attended: linear(of('attention.output.dense')),
      attendedNorm: norm(of('attention.output.LayerNorm')),
      wide: linear(of('intermediate.dense')),
      narrow: linear(of('output.dense')),
      norm: norm(of('output.LayerNorm')),
    };
  };
  return {
    hidden: config.hidden_size,
    headSize: config.hidden_size / config.num_attention_heads,
    epsilon: config.layer_norm_eps,
    embeddings: {
      words: table('word'),
      positions: table('position'),
      types: table('token_type'),
      firstPosition: 0,
      norm: norm('bert.embeddings.LayerNorm'),
    },
    blocks: Array.from({ length: config.num_hidden_layers }, block),
    head: {
      kind: 'classification',
      dense: linear('bert.pooler.dense'),
      activation: 'tanh',
      output: linear('classifier'),
    },
  };
}

export const SPARSITY = 0.9;

/** A packed BERT with random Gaussian weights, 90 % of the encoder's zeroed by magnitude, singly or in blocks of four. */
export function packBert(size, values, embeddings) {
  const model = randomBert(SHAPES[size]);
  const width = values === '1x4' ? 4 : 1;
  for (const [name, { shape, data }] of model.tensors) {
    if (shape.length < 2) continue;
    toGaussian(data);
    if (name.includes('.layer.')) prune(data, width);
  }
  const form = { values: values === '1x4' ? 'int8' : values, embeddings };
  return writePack({ config: model.config, tensors: packTensors(model, form), files: new Map() }).bytes;
}

/** Uniform numbers in pairs to Gaussian ones of deviation 0.02 (Box and Muller, 1958). */
function toGaussian(data) {
  const limit = 0.02 * Math.sqrt(3);
  for (let i = 0; i + 1 < data.length; i += 2) {
    const [u, v] = [(data[i] / limit + 1) / 2, data[i + 1] / limit];
    const radius = 0.02 * Math.sqrt(-2 * Math.log(Math.min(Math.max(u, 1e-12), 1)));
    data[i] = radius * Math.cos(Math.PI * v);
    data[i + 1] = radius * Math.sin(Math.PI * v);
  }
}

/** Zeros the groups of `width` neighbours with the smallest norms. */
function prune(data, width) {
  const norms = new Float32Array(data.length / width);
  for (let i = 0; i < data.length; i++) norms[Math.floor(i / width)] += data[i] ** 2;
  const threshold = norms.slice().sort()[Math.floor(SPARSITY * norms.length)];
  for (let i = 0; i < data.length; i++) if (norms[Math.floor(i / width)] < threshold) data[i] = 0;
}
