// BERT (Devlin et al., 2018) in Hugging Face parameter names.
import { tanh } from '../graph/ops/index.js';
import { bertBlocks, blockShapes, embed, encodeBlocks } from './blocks.js';
import { labelCount } from './config.js';
import type { Family } from './encoder.js';
import { embeddingShapes, linearShapes, normShapes, type TensorTable } from './tensor-table.js';

const EMBEDDINGS = 'bert.embeddings';
const BLOCKS = bertBlocks('bert.encoder.layer.');
const POOLER = 'bert.pooler.dense';

export const bert: Family = {
  name: 'bert',
  prefix: 'bert.',
  longestInput: (config) => config.max_position_embeddings,
  encode(b, config, { ids, typeIds, bias }, firstTokenOnly) {
    const types = b.rows(`${EMBEDDINGS}.token_type_embeddings.weight`, typeIds);
    const x = embed(b, config, { name: EMBEDDINGS, ids, types });
    return encodeBlocks(b, config, BLOCKS, { x, bias }, firstTokenOnly);
  },
  head: { dense: POOLER, activation: tanh, dropoutFirst: false, output: 'classifier' },
  tensors(config): TensorTable {
    const { hidden_size: hidden, vocab_size: vocabulary } = config;
    return new Map([
      ['embeddings', embeddingShapes(EMBEDDINGS, config, { width: hidden, types: true })],
      ['encoder', blockShapes(BLOCKS, config)],
      ['pooler', linearShapes(POOLER, hidden, hidden)],
      ['classifier', linearShapes('classifier', labelCount(config), hidden)],
      [
        'mlm', // the decoder's matrix is the word embeddings
        [
          ['cls.predictions.bias', [vocabulary]],
          ...linearShapes('cls.predictions.transform.dense', hidden, hidden),
          ...normShapes('cls.predictions.transform.LayerNorm', hidden),
        ],
      ],
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
    ['cls.predictions.decoder.weight', 'bert.embeddings.word_embeddings.weight'],
    ['cls.predictions.decoder.bias', 'cls.predictions.bias'],
  ],
  /** The six matrices of each block. */
  encoderLinear: /^bert\.encoder\.layer\.\d+\..*(query|key|value|dense)\.weight$/,
  /** Those and the pooler's, which is a `Linear` under `bert` in the reference implementation and so is pruned. */
  prunedLinear: /^bert\.(encoder\.layer\.\d+\..*(query|key|value|dense)|pooler\.dense)\.weight$/,
};
