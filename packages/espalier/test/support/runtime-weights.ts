// A model as the plain arrays that the runtime computes with. Zeros are left out; what remains is kept in f32, or rounded
// to int8 in blocks of 1x4 by the largest magnitude of its row.
import {
  type BlockWeights,
  type EncoderWeights,
  type HeadWeights,
  type LinearWeights,
  nonZeros,
  wholeBlocks,
  type Table,
} from '@espalier/runtime/encoder';
import { EspalierError } from '../../src/errors.js';
import { familyOf } from '../../src/models/families.js';
import { largestMagnitudes, symmetricScale, toInt8 } from '../../src/models/int8.js';
import type { Model } from '../../src/models/model.js';
import { headSize, structureOf } from '../../src/models/structure.js';
import { SPAN_HEAD } from '../../src/models/heads.js';
import { toF32 } from '../../src/tensor/half.js';

type F32Table = Extract<Table, { form: 'f32' }>;

/** How the encoder's layers are computed; heads stay dense. */
export type RuntimeForm = LinearWeights['form'];

/** The weights of a BERT, RoBERTa or DistilBERT, with the head it has. */
export function runtimeWeights(model: Model, form: RuntimeForm): EncoderWeights {
  const { config } = model;
  const family = familyOf(config);
  const { blocks } = family;
  if (!blocks || !['bert', 'roberta', 'distilbert'].includes(family.name))
    throw new EspalierError(
      `${model.source}: the runtime computes bert, roberta and distilbert, found ${family.name}`,
    );
  const { hidden_size: hidden, layer_norm_eps: epsilon } = config;
  const floats = (name: string): Float32Array => {
    const tensor = model.tensors.get(name);
    if (!tensor) throw new EspalierError(`${model.source}: expected a tensor ${name}, found none`);
    return toF32(tensor).data;
  };
  const linear = (name: string, as: RuntimeForm = form): LinearWeights => {
    const bias = floats(`${name}.bias`);
    // A layer that has lost all its inputs is its bias alone.
    const values = model.tensors.has(`${name}.weight`) ? floats(`${name}.weight`) : new Float32Array();
    return linearWeights(values, bias, as);
  };
  const norm = (name: string) => ({ gain: floats(`${name}.weight`), bias: floats(`${name}.bias`) });
  const table = (name: string): F32Table => {
    const values = floats(`${family.prefix}embeddings.${name}.weight`);
    return { form: 'f32', rows: values.length / hidden, values };
  };
  const { heads, neurons } = structureOf(config);
  const block = (i: number): BlockWeights => {
    const name = `${blocks.prefix}${i}.`;
    const { query, key, value, attended, attendedNorm, wide, narrow } = blocks;
    return {
      ...(heads[i]! > 0 && {
        attention: { query: linear(name + query), key: linear(name + key), value: linear(name + value) },
      }),
      ...{ attended: linear(name + attended), attendedNorm: norm(name + attendedNorm) },
      ...(neurons[i]! > 0 && { wide: linear(name + wide) }),
      ...{ narrow: linear(name + narrow), norm: norm(name + blocks.norm) },
    };
  };
  const head = (): HeadWeights | undefined => {
    if (model.tensors.has(`${SPAN_HEAD}.weight`)) return { kind: 'span', output: linear(SPAN_HEAD, 'dense') };
    if (!model.tensors.has(`${family.head.output}.weight`)) return undefined;
    const activation = family.name === 'distilbert' ? 'relu' : 'tanh';
    const [dense, output] = [linear(family.head.dense, 'dense'), linear(family.head.output, 'dense')];
    return { kind: 'classification', dense, activation, output };
  };
  const top = head();
  return {
    ...{ hidden, headSize: headSize(config), epsilon },
    embeddings: {
      ...{ words: table('word_embeddings'), positions: table('position_embeddings') },
      ...(family.name === 'bert' && { types: table('token_type_embeddings') }),
      ...(family.name === 'roberta' && { types: firstRow(table('token_type_embeddings'), hidden) }),
      firstPosition: family.name === 'roberta' ? config.pad_token_id! + 1 : 0,
      norm: norm(`${family.prefix}embeddings.LayerNorm`),
    },
    blocks: heads.map((_, i) => block(i)),
    ...(top && { head: top }),
  };
}

const firstRow = ({ values }: F32Table, hidden: number): F32Table => ({
  ...{ form: 'f32', rows: 1 },
  values: values.subarray(0, hidden),
});

/** values [rows, columns] in the form. */
export function linearWeights(values: Float32Array, bias: Float32Array, form: RuntimeForm): LinearWeights {
  const rows = bias.length;
  const columns = values.length / rows;
  const sized = { rows, columns, bias };
  if (form === 'dense') return { ...sized, form, values };
  if (form !== 'int8') return { ...sized, form, ...nonZeros(values, rows) };
  const scales = largestMagnitudes(values, rows).map(symmetricScale);
  return { ...sized, form, ...wholeBlocks(toInt8(values, scales), rows), scales: Float32Array.from(scales) };
}
