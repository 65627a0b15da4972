// Names and shapes of tensors in Hugging Face's layout, grouped by part: what the tables of the families are made of.
// Weights are [out, in].
import type { Shape } from '../tensor/tensor.js';
import { labelCount, type ModelConfig } from './config.js';
import type { TaskHead, WordHead } from './encoder.js';

export type Part =
  | 'embeddings'
  | 'encoder'
  | 'pooler'
  | 'classifier'
  | 'token classifier'
  | 'mlm'
  | 'nsp'
  | 'discriminator'
  | 'answer span';

export type Shapes = readonly (readonly [name: string, shape: Shape])[];

export type TensorTable = ReadonlyMap<Part, Shapes>;

export const linearShapes = (name: string, output: number, input: number): Shapes => [
  [`${name}.weight`, [output, input]],
  [`${name}.bias`, [output]],
];

export const normShapes = (name: string, width: number): Shapes => [
  [`${name}.weight`, [width]],
  [`${name}.bias`, [width]],
];

/** Embeddings under `name`: words, positions, token types where there are any, LayerNorm. */
export function embeddingShapes(
  name: string,
  config: ModelConfig,
  { width, types }: { readonly width: number; readonly types: boolean },
): Shapes {
  return [
    [`${name}.word_embeddings.weight`, [config.vocab_size, width]],
    [`${name}.position_embeddings.weight`, [config.max_position_embeddings, width]],
    ...(types ? ([[`${name}.token_type_embeddings.weight`, [config.type_vocab_size, width]]] as const) : []),
    ...normShapes(`${name}.LayerNorm`, width),
  ];
}

/** Head of a task, both layers of it. */
export const headShapes = ({ dense, output }: TaskHead, config: ModelConfig): Shapes => [
  ...linearShapes(dense, config.hidden_size, config.hidden_size),
  ...linearShapes(output, labelCount(config), config.hidden_size),
];

/** Head of masked words, whose decoder's matrix stands among the embeddings; `width` is theirs. */
export const wordShapes = ({ transform, bias }: WordHead, config: ModelConfig, width: number): Shapes => [
  ...(transform
    ? [...linearShapes(transform.dense, width, config.hidden_size), ...normShapes(transform.norm, width)]
    : []),
  [bias, [config.vocab_size]],
];
