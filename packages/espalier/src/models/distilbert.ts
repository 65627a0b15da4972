// DistilBERT (Sanh et al., 2019) in Hugging Face parameter names: BERT without token types and pooler.
import { relu } from '../graph/ops/index.js';
import { type Blocks, blockShapes, embed, encodeBlocks } from './blocks.js';
import { labelCount } from './config.js';
import type { Family, WordHead } from './encoder.js';
import { embeddingShapes, linearShapes, type TensorTable, wordShapes } from './tensor-table.js';

const EMBEDDINGS = 'distilbert.embeddings';

const BLOCKS: Blocks = {
  prefix: 'distilbert.transformer.layer.',
  query: 'attention.q_lin',
  key: 'attention.k_lin',
  value: 'attention.v_lin',
  attended: 'attention.out_lin',
  attendedNorm: 'sa_layer_norm',
  wide: 'ffn.lin1',
  narrow: 'ffn.lin2',
  norm: 'output_layer_norm',
  probabilities: 'attention.probabilities',
  attendedDropout: false,
};

const MATRICES = /^distilbert\.transformer\.layer\.\d+\.(attention\.\w+_lin|ffn\.lin[12])\.weight$/;

const WORDS: WordHead = {
  transform: { dense: 'vocab_transform', norm: 'vocab_layer_norm' },
  decoder: `${EMBEDDINGS}.word_embeddings.weight`,
  bias: 'vocab_projector.bias',
};

export const distilbert: Family = {
  name: 'distilbert',
  prefix: 'distilbert.',
  blockPrefix: BLOCKS.prefix,
  blocks: BLOCKS,
  longestInput: (config) => config.max_position_embeddings,
  encode(b, config, { ids, bias }, summaryOnly) {
    const x = embed(b, config, { name: EMBEDDINGS, ids });
    return encodeBlocks(b, config, BLOCKS, { x, bias }, summaryOnly);
  },
  head: {
    summary: 'first',
    dense: 'pre_classifier',
    activation: relu,
    dropoutFirst: false,
    output: 'classifier',
  },
  words: WORDS,
  tensors(config): TensorTable {
    const { hidden_size: hidden } = config;
    return new Map([
      ['embeddings', embeddingShapes(EMBEDDINGS, config, { width: hidden, types: false })],
      ['encoder', blockShapes(BLOCKS, config)],
      ['pooler', linearShapes('pre_classifier', hidden, hidden)], // in the place of BERT's, and of no other use
      ['classifier', linearShapes('classifier', labelCount(config), hidden)],
      ['mlm', wordShapes(WORDS, config, hidden)],
      ['answer span', linearShapes('qa_outputs', 2, hidden)],
    ]);
  },
  architectures: [
    ['DistilBertModel', []],
    ['DistilBertForSequenceClassification', ['pooler', 'classifier']],
    ['DistilBertForTokenClassification', ['classifier']],
    ['DistilBertForQuestionAnswering', ['answer span']],
    ['DistilBertForMaskedLM', ['mlm']],
  ],
  bare: /^(embeddings|transformer)\./,
  ties: [['vocab_projector.weight', WORDS.decoder]],
  /** The six matrices of each block. */
  encoderLinear: MATRICES,
  /** There are no others: `pre_classifier` is part of the head. */
  prunedLinear: MATRICES,
};
