// ELECTRA (Clark et al., 2020) in Hugging Face parameter names: BERT's encoder over embeddings that may be narrower,
// and no pooler. Discriminators and generators alike.
import { gelu } from '../graph/ops/index.js';
import { bertBlocks, blockShapes, embed, encodeBlocks } from './blocks.js';
import { labelCount, type ModelConfig } from './config.js';
import type { Family, TaskHead, WordHead } from './encoder.js';
import {
  embeddingShapes,
  headShapes,
  linearShapes,
  type Shapes,
  type TensorTable,
  wordShapes,
} from './tensor-table.js';

const EMBEDDINGS = 'electra.embeddings';
const PROJECTION = 'electra.embeddings_project';
const BLOCKS = bertBlocks('electra.encoder.layer.');

const HEAD: TaskHead = {
  summary: 'first',
  dense: 'classifier.dense',
  activation: gelu,
  dropoutFirst: true,
  output: 'classifier.out_proj',
};

const embeddingWidth = ({ embedding_size: width, hidden_size: hidden }: ModelConfig): number =>
  width ?? hidden;

function projectionShapes(config: ModelConfig): Shapes {
  const width = embeddingWidth(config);
  return width === config.hidden_size ? [] : linearShapes(PROJECTION, config.hidden_size, width);
}

const WORDS: WordHead = {
  transform: { dense: 'generator_predictions.dense', norm: 'generator_predictions.LayerNorm' },
  decoder: `${EMBEDDINGS}.word_embeddings.weight`,
  bias: 'generator_lm_head.bias',
};

export const electra: Family = {
  name: 'electra',
  prefix: 'electra.',
  blockPrefix: BLOCKS.prefix,
  blocks: BLOCKS,
  longestInput: (config) => config.max_position_embeddings,
  encode(b, config, { ids, typeIds, bias }, summaryOnly) {
    const types = b.rows(`${EMBEDDINGS}.token_type_embeddings.weight`, typeIds);
    const embedded = embed(b, config, { name: EMBEDDINGS, ids, types });
    const x = b.has(`${PROJECTION}.weight`) ? b.linear(embedded, PROJECTION) : embedded;
    return encodeBlocks(b, config, BLOCKS, { x, bias }, summaryOnly);
  },
  head: HEAD,
  words: WORDS,
  tensors(config): TensorTable {
    const { hidden_size: hidden } = config;
    const width = embeddingWidth(config);
    return new Map([
      [
        'embeddings',
        [...embeddingShapes(EMBEDDINGS, config, { width, types: true }), ...projectionShapes(config)],
      ],
      ['encoder', blockShapes(BLOCKS, config)],
      ['classifier', headShapes(HEAD, config)],
      ['token classifier', linearShapes('classifier', labelCount(config), hidden)],
      ['mlm', wordShapes(WORDS, config, width)],
      [
        'discriminator',
        [
          ...linearShapes('discriminator_predictions.dense', hidden, hidden),
          ...linearShapes('discriminator_predictions.dense_prediction', 1, hidden),
        ],
      ],
      ['answer span', linearShapes('qa_outputs', 2, hidden)],
    ]);
  },
  architectures: [
    ['ElectraModel', []],
    ['ElectraForSequenceClassification', ['classifier']],
    ['ElectraForTokenClassification', ['token classifier']],
    ['ElectraForQuestionAnswering', ['answer span']],
    ['ElectraForMaskedLM', ['mlm']],
    ['ElectraForPreTraining', ['discriminator']],
  ],
  bare: /^(embeddings|embeddings_project|encoder)\./,
  ties: [['generator_lm_head.weight', WORDS.decoder]],
  /** The six matrices of each block. */
  encoderLinear: /^electra\.encoder\.layer\.\d+\..*(query|key|value|dense)\.weight$/,
  /** Those and the projection of the embeddings. */
  prunedLinear: /^electra\.(encoder\.layer\.\d+\..*(query|key|value|dense)|embeddings_project)\.weight$/,
};
