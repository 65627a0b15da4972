// The tensors of a BERT checkpoint by Hugging Face name and shape, grouped by part, and the check of a checkpoint
// against them. Weights are [out, in].
import { FormatError } from '../errors.js';
import type { HostTensor, Shape } from '../tensor/tensor.js';
import { labelCount, type ModelConfig } from './config.js';

export type Part = 'embeddings' | 'encoder' | 'pooler' | 'classifier' | 'mlm' | 'nsp' | 'answer span';

type Shapes = readonly (readonly [name: string, shape: Shape])[];

const linear = (name: string, output: number, input: number): Shapes => [
  [`${name}.weight`, [output, input]],
  [`${name}.bias`, [output]],
];

const layerNorm = (name: string, width: number): Shapes => [
  [`${name}.weight`, [width]],
  [`${name}.bias`, [width]],
];

function block(name: string, hidden: number, wide: number): Shapes {
  return [
    ...['query', 'key', 'value'].flatMap((role) => linear(`${name}.attention.self.${role}`, hidden, hidden)),
    ...linear(`${name}.attention.output.dense`, hidden, hidden),
    ...layerNorm(`${name}.attention.output.LayerNorm`, hidden),
    ...linear(`${name}.intermediate.dense`, wide, hidden),
    ...linear(`${name}.output.dense`, hidden, wide),
    ...layerNorm(`${name}.output.LayerNorm`, hidden),
  ];
}

/** Name and shape of every tensor a BERT of this config can have, by part. */
export function bertTensors(config: ModelConfig): ReadonlyMap<Part, Shapes> {
  const { hidden_size: hidden, intermediate_size: wide, vocab_size: vocabulary } = config;
  const layers = Array.from(
    { length: config.num_hidden_layers },
    (_, layer) => `bert.encoder.layer.${layer}`,
  );
  return new Map<Part, Shapes>([
    [
      'embeddings',
      [
        ['bert.embeddings.word_embeddings.weight', [vocabulary, hidden]],
        ['bert.embeddings.position_embeddings.weight', [config.max_position_embeddings, hidden]],
        ['bert.embeddings.token_type_embeddings.weight', [config.type_vocab_size, hidden]],
        ...layerNorm('bert.embeddings.LayerNorm', hidden),
      ],
    ],
    ['encoder', layers.flatMap((name) => block(name, hidden, wide))],
    ['pooler', linear('bert.pooler.dense', hidden, hidden)],
    ['classifier', linear('classifier', labelCount(config), hidden)],
    [
      'mlm', // the decoder's matrix is the word embeddings
      [
        ['cls.predictions.bias', [vocabulary]],
        ...linear('cls.predictions.transform.dense', hidden, hidden),
        ...layerNorm('cls.predictions.transform.LayerNorm', hidden),
      ],
    ],
    ['nsp', linear('cls.seq_relationship', 2, hidden)],
    ['answer span', linear('qa_outputs', 2, hidden)],
  ]);
}

/** Parts that each transformers class has besides embeddings and encoder. */
const ARCHITECTURES: readonly (readonly [name: string, parts: readonly Part[]])[] = [
  ['BertModel', ['pooler']],
  ['BertForSequenceClassification', ['pooler', 'classifier']],
  ['BertForTokenClassification', ['classifier']],
  ['BertForQuestionAnswering', ['answer span']],
  ['BertForMaskedLM', ['mlm']],
  ['BertForNextSentencePrediction', ['pooler', 'nsp']],
  ['BertForPreTraining', ['pooler', 'mlm', 'nsp']],
];

/** The transformers class with exactly the parts that these tensors have, or undefined. */
export function bertArchitecture(config: ModelConfig, names: ReadonlySet<string>): string | undefined {
  const parts = bertTensors(config);
  const has = (part: Part): boolean => parts.get(part)!.some(([name]) => names.has(name));
  const heads: readonly Part[] = ['pooler', 'classifier', 'mlm', 'nsp', 'answer span'];
  return ARCHITECTURES.find(([, needed]) => heads.every((part) => has(part) === needed.includes(part)))?.[0];
}

const show = (shape: Shape): string => `[${shape.join(', ')}]`;

/**
 * Checks that the tensors are those of a BERT of this config: embeddings (unless they may be absent) and encoder,
 * and every other part whole or not at all. Throws FormatError naming `path`, the tensor, expected and found.
 */
export function validateBertTensors(
  config: ModelConfig,
  tensors: ReadonlyMap<string, HostTensor>,
  path: string,
  { requireEmbeddings = true }: { requireEmbeddings?: boolean } = {},
): void {
  const expected = new Set<string>();
  for (const [part, shapes] of bertTensors(config)) {
    const required = part === 'encoder' || (part === 'embeddings' && requireEmbeddings);
    const wanted = required || shapes.some(([name]) => tensors.has(name));
    for (const [name, shape] of shapes) {
      expected.add(name);
      const found = tensors.get(name);
      if (!found && !wanted) continue;
      if (!found) {
        throw new FormatError(path, `tensor "${name}" (${part}) is missing; expected F32 ${show(shape)}`);
      }
      if (show(found.shape) !== show(shape)) {
        throw new FormatError(
          path,
          `tensor "${name}": expected ${show(shape)} from config.json, found ${show(found.shape)}`,
        );
      }
    }
  }
  const unknown = [...tensors.keys()].find((name) => !expected.has(name));
  if (unknown !== undefined) {
    throw new FormatError(
      path,
      `tensor ${JSON.stringify(unknown.slice(0, 80))} is not part of a BERT of ${config.num_hidden_layers} layers; ` +
        'expected embeddings, encoder, pooler and the heads of transformers',
    );
  }
}
