// RoBERTa (Liu et al., 2019) in Hugging Face parameter names: BERT's encoder, with positions that count from the one
// after the padding id, one token type, and a head of its own. transformers gives padding the position of the padding
// id; here it goes on counting, which no output depends on, since padding follows the tokens and none attends to it.
import { slice, tanh } from '../graph/ops/index.js';
import { bertBlocks, blockShapes, embed, encodeBlocks } from './blocks.js';
import { labelCount, type ModelConfig } from './config.js';
import type { Family, TaskHead, WordHead } from './encoder.js';
import { embeddingShapes, headShapes, linearShapes, type TensorTable, wordShapes } from './tensor-table.js';

const EMBEDDINGS = 'roberta.embeddings';
const BLOCKS = bertBlocks('roberta.encoder.layer.');
const POOLER = 'roberta.pooler.dense';

const HEAD: TaskHead = {
  summary: 'first',
  dense: 'classifier.dense',
  activation: tanh,
  dropoutFirst: true,
  output: 'classifier.out_proj',
};

const firstPosition = ({ pad_token_id: padding }: ModelConfig): number => padding! + 1; // the config has been checked

const WORDS: WordHead = {
  transform: { dense: 'lm_head.dense', norm: 'lm_head.layer_norm' },
  decoder: `${EMBEDDINGS}.word_embeddings.weight`,
  bias: 'lm_head.bias',
};

export const roberta: Family = {
  name: 'roberta',
  prefix: 'roberta.',
  blockPrefix: BLOCKS.prefix,
  blocks: BLOCKS,
  longestInput: (config) => config.max_position_embeddings - firstPosition(config),
  encode(b, config, { ids, bias }, summaryOnly) {
    const types = slice(b.weight(`${EMBEDDINGS}.token_type_embeddings.weight`), 0, 0, 1);
    const x = embed(b, config, { name: EMBEDDINGS, ids, types, firstPosition: firstPosition(config) });
    return encodeBlocks(b, config, BLOCKS, { x, bias }, summaryOnly);
  },
  head: HEAD,
  words: WORDS,
  tensors(config): TensorTable {
    const { hidden_size: hidden } = config;
    return new Map([
      ['embeddings', embeddingShapes(EMBEDDINGS, config, { width: hidden, types: true })],
      ['encoder', blockShapes(BLOCKS, config)],
      ['pooler', linearShapes(POOLER, hidden, hidden)],
      ['classifier', headShapes(HEAD, config)],
      ['token classifier', linearShapes('classifier', labelCount(config), hidden)],
      ['mlm', wordShapes(WORDS, config, hidden)],
      ['answer span', linearShapes('qa_outputs', 2, hidden)],
    ]);
  },
  architectures: [
    ['RobertaModel', ['pooler']],
    ['RobertaForSequenceClassification', ['classifier']],
    ['RobertaForTokenClassification', ['token classifier']],
    ['RobertaForQuestionAnswering', ['answer span']],
    ['RobertaForMaskedLM', ['mlm']],
  ],
  bare: /^(embeddings|encoder|pooler)\./,
  ties: [
    ['lm_head.decoder.weight', WORDS.decoder],
    ['lm_head.decoder.bias', WORDS.bias],
  ],
  /** The six matrices of each block. */
  encoderLinear: /^roberta\.encoder\.layer\.\d+\..*(query|key|value|dense)\.weight$/,
  /** Those and the pooler's, which a classifier has none of. */
  prunedLinear: /^roberta\.(encoder\.layer\.\d+\..*(query|key|value|dense)|pooler\.dense)\.weight$/,
};
