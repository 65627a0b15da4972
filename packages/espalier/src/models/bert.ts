// BERT (Devlin et al., 2018) in Hugging Face parameter names.
import { tanh } from '../graph/ops/index.js';
import { bertBlocks, blockShapes, embed, encodeBlocks } from './blocks.js';
import { labelCount } from './config.js';
import type { Family, WordHead } from './encoder.js';
import { embeddingShapes, linearShapes, type TensorTable, wordShapes } from './tensor-table.js';

const EMBEDDINGS = 'bert.embeddings';
const BLOCKS = bertBlocks('bert.encoder.layer.');
const POOLER = 'bert.pooler.dense';

const WORDS: WordHead = {
  transform: { dense: 'cls.predictions.transform.dense', norm: 'cls.predictions.transform.LayerNorm' },
  decoder: `${EMBEDDINGS}.word_embeddings.weight`,
  bias: 'cls.predictions.bias',
};

export const bert: Family = {
  name: 'bert',
  prefix: 'bert.',
  blockPrefix: BLOCKS.prefix,
  blocks: BLOCKS,
  longestInput: (config) => config.max_position_embeddings,
  encode(b, config, { ids, typeIds, bias }, summaryOnly) {
    const types = b.rows(`${EMBEDDINGS}.token_type_embeddings.weight`, typeIds);
    const x = embed(b, config, { name: EMBEDDINGS, ids, types });
    return encodeBlocks(b, config, BLOCKS, { x, bias }, summaryOnly);
  },
  head: { summary: 'first', dense: POOLER, activation: tanh, dropoutFirst: false, output: 'classifier' },
  words: WORDS,
  tensors(config): TensorTable {
    const { hidden_size: hidden } = config;
    return new Map([
      ['embeddings', embeddingShapes(EMBEDDINGS, config, { width: hidden, types: true })],
      ['encoder', blockShapes(BLOCKS, config)],
      ['pooler', linearShapes(POOLER, hidden, hidden)],
      ['classifier', linearShapes('classifier', labelCount(config), hidden)],
      ['mlm', wordShapes(WORDS, config, hidden)],
      ['nsp', linearShapes('cls.seq_relationship', 2, hidden)],
      ['answer span', linearShapes('qa_outputs', 2, hidden)],
    ]);
  },
  architectures: [
    ['BertModel', ['pooler']],
    ['BertForSequenceClassification', ['pooler', 'classifier']],
    ['BertForTokenClassification', ['classifier']],
    ['BertForQuestionAnswering', ['answer span']],
    ['BertForMaskedLM', ['mlm']],
    ['BertForNextSentencePrediction', ['pooler', 'nsp']],
    ['BertForPreTraining', ['pooler', 'mlm', 'nsp']],
  ],
  bare: /^(embeddings|encoder|pooler)\./,
  ties: [
    ['cls.predictions.decoder.weight', WORDS.decoder],
    ['cls.predictions.decoder.bias', WORDS.bias],
  ],
  /** The six matrices of each block. */
  encoderLinear: /^bert\.encoder\.layer\.\d+\..*(query|key|value|dense)\.weight$/,
  /** Those and the pooler's, which is a `Linear` under `bert` in the reference implementation and so is pruned. */
  prunedLinear: /^bert\.(encoder\.layer\.\d+\..*(query|key|value|dense)|pooler\.dense)\.weight$/,
};
