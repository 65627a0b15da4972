// Packed BERTs of random weights, small enough to open in no time, to be broken in the tests.
import { uniform } from '../../src/kernels/case.js';
import {
  type JsonObject,
  type PackTask,
  type PackTensor,
  toF32,
  toInt8,
  writePack,
} from '../../src/format/index.js';

export const PIECES = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  '[MASK]',
  'the',
  'pear',
  '##s',
  'were',
  'sweet',
  '.',
];

export const CONFIG = {
  model_type: 'bert',
  vocab_size: PIECES.length,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 12,
  max_position_embeddings: 16,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
} satisfies JsonObject;

export const TASK: PackTask = { name: 'taste', kind: 'classification', labels: ['sour', 'sweet', 'none'] };

export const vocabTxt = (): Map<string, Uint8Array> =>
  new Map([['vocab.txt', new TextEncoder().encode(`${PIECES.join('\n')}\n`)]]);

const BLOCK = 'bert.encoder.layer.0.';

/** Name and shape of every tensor of a BERT of CONFIG, with a head. */
const SHAPES: Readonly<Record<string, readonly number[]>> = {
  'bert.embeddings.word_embeddings.weight': [PIECES.length, 8],
  'bert.embeddings.position_embeddings.weight': [16, 8],
  'bert.embeddings.token_type_embeddings.weight': [2, 8],
  'bert.embeddings.LayerNorm.weight': [8],
  'bert.embeddings.LayerNorm.bias': [8],
  ...Object.fromEntries(
    [
      ['attention.self.query', 8, 8],
      ['attention.self.key', 8, 8],
      ['attention.self.value', 8, 8],
      ['attention.output.dense', 8, 8],
      ['intermediate.dense', 12, 8],
      ['output.dense', 8, 12],
    ].flatMap(([name, rows, columns]) => [
      [`${BLOCK}${name!}.weight`, [rows, columns]],
      [`${BLOCK}${name!}.bias`, [rows]],
    ]),
  ),
  ...Object.fromEntries(
    ['attention.output.LayerNorm', 'output.LayerNorm'].flatMap((name) => [
      [`${BLOCK}${name}.weight`, [8]],
      [`${BLOCK}${name}.bias`, [8]],
    ]),
  ),
  'bert.pooler.dense.weight': [8, 8],
  'bert.pooler.dense.bias': [8],
  'classifier.weight': [3, 8],
  'classifier.bias': [3],
};

export interface TinyPack {
  readonly config?: JsonObject;
  readonly task?: PackTask;
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** Other shapes; undefined leaves the tensor out. */
  readonly shapes?: Readonly<Record<string, readonly number[] | undefined>>;
  /** Of layers and tables. Default: int8. */
  readonly pack?: (shape: readonly number[], values: Float32Array) => PackTensor;
}

export function tinyModelPack({
  config,
  task = TASK,
  files = vocabTxt(),
  shapes,
  pack = toInt8,
}: TinyPack = {}): Uint8Array {
  const random = uniform(7);
  const tensors = new Map<string, PackTensor>();
  for (const [name, shape] of Object.entries({ ...SHAPES, ...shapes })) {
    if (!shape) continue;
    const size = shape.reduce((product, extent) => product * extent, 1);
    const values = Float32Array.from({ length: size }, () => random() - 0.5);
    tensors.set(name, shape.length === 1 ? toF32(shape, values) : pack(shape, values));
  }
  return writePack({ config: { ...CONFIG, ...config }, task, tensors, files }).bytes;
}

/** The same with a head of answer spans. */
export const tinySpanPack = (): Uint8Array =>
  tinyModelPack({
    task: { name: 'squad', kind: 'span', labels: [] },
    shapes: {
      'classifier.weight': undefined,
      'classifier.bias': undefined,
      'qa_outputs.weight': [2, 8],
      'qa_outputs.bias': [2],
    },
  });
