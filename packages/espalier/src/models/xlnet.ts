// XLNet (Yang et al., 2019) in Hugging Face parameter names, for fine-tuning and inference: blocks of relative attention
// and a wide layer, no position table, a summary token at the end and so padding before the tokens. The query stream
// and memories of its pre-training are not here; `mask_emb`, which only they read, is carried along. One departure from
// transformers: the dropout of encoded distances is drawn once for all rows of a batch, not for each.
import type { Node } from '../graph/node.js';
import { add, gelu, sliceEnd, tanh } from '../graph/ops/index.js';
import type { Builder } from './builder.js';
import { labelCount, type ModelConfig } from './config.js';
import type { Family, TaskHead, WordHead } from './encoder.js';
import { lastQuery, relations, relativeAttention } from './relative-attention.js';
import {
  headShapes,
  linearShapes,
  normShapes,
  type Shapes,
  type TensorTable,
  wordShapes,
} from './tensor-table.js';

const TABLE = 'transformer.word_embedding.weight';
const BLOCKS = 'transformer.layer.';

const HEAD: TaskHead = {
  summary: 'last',
  dense: 'sequence_summary.summary',
  activation: tanh,
  dropoutFirst: false,
  output: 'logits_proj',
};

const WORDS: WordHead = { decoder: TABLE, bias: 'lm_loss.bias' };

/** The matrices of a block: five of attention, stored [width, heads, head size], and two of the wide layer. */
const MATRICES = /^transformer\.layer\.\d+\.(rel_attn\.[qkvor]|ff\.layer_[12]\.weight)$/;

function blockShapes(config: ModelConfig): Shapes {
  const { hidden_size: hidden, intermediate_size: wide, num_attention_heads: heads } = config;
  const size = hidden / heads;
  return Array.from({ length: config.num_hidden_layers }, (_, layer): Shapes => {
    const [attention, ff] = [`${BLOCKS}${layer}.rel_attn`, `${BLOCKS}${layer}.ff`];
    return [
      ...['q', 'k', 'v', 'o', 'r'].map((role) => [`${attention}.${role}`, [hidden, heads, size]] as const),
      ...['r_w_bias', 'r_r_bias', 'r_s_bias'].map((part) => [`${attention}.${part}`, [heads, size]] as const),
      [`${attention}.seg_embed`, [2, heads, size]],
      ...normShapes(`${attention}.layer_norm`, hidden),
      ...linearShapes(`${ff}.layer_1`, wide, hidden),
      ...linearShapes(`${ff}.layer_2`, hidden, wide),
      ...normShapes(`${ff}.layer_norm`, hidden),
    ];
  }).flat();
}

/** x [n, hidden] -> the same, through the wide layer of a block. */
function wideLayer(
  b: Builder,
  { hidden_dropout_prob: dropout, layer_norm_eps: epsilon }: ModelConfig,
  x: Node,
  name: string,
): Node {
  const wide = b.dropout(gelu(b.linear(x, `${name}.layer_1`)), dropout);
  const narrow = b.dropout(b.linear(wide, `${name}.layer_2`), dropout);
  return b.layerNorm(add(narrow, x), `${name}.layer_norm`, epsilon);
}

export const xlnet: Family = {
  name: 'xlnet',
  prefix: 'transformer.',
  blockPrefix: BLOCKS,
  longestInput: (config) => config.max_position_embeddings,
  encode(b, config, { ids, typeIds, bias }, summaryOnly) {
    const { hidden_dropout_prob: dropout, layer_norm_eps: epsilon, hidden_size: width } = config;
    let hidden = b.activation(b.dropout(b.rows(TABLE, ids), dropout), `${BLOCKS}input`);
    const longest = config.max_position_embeddings;
    const all = relations(b, { typeIds, bias }, { width, longest, dropout });
    for (let layer = 0; layer < config.num_hidden_layers; layer++) {
      const name = `${BLOCKS}${layer}.`;
      const last = summaryOnly && layer === config.num_hidden_layers - 1;
      const wanted = last ? sliceEnd(hidden, 0, b.bucket.rows) : hidden;
      const attended = relativeAttention(b, {
        name: `${name}rel_attn`,
        hidden,
        wanted,
        relations: last ? lastQuery(all, b.bucket.length) : all,
        dropout,
      });
      const sum = add(b.dropout(attended, dropout), wanted);
      const middle = b.layerNorm(sum, `${name}rel_attn.layer_norm`, epsilon);
      hidden = b.activation(wideLayer(b, config, middle, `${name}ff`), `${name}output`);
    }
    return b.dropout(hidden, dropout);
  },
  head: HEAD,
  words: WORDS,
  tensors(config): TensorTable {
    const { hidden_size: hidden } = config;
    return new Map([
      [
        'embeddings',
        [
          [TABLE, [config.vocab_size, hidden]],
          ['transformer.mask_emb', [1, 1, hidden]],
        ],
      ],
      ['encoder', blockShapes(config)],
      ['classifier', headShapes(HEAD, config)],
      ['token classifier', linearShapes('classifier', labelCount(config), hidden)],
      ['mlm', wordShapes(WORDS, config, hidden)],
      ['answer span', linearShapes('qa_outputs', 2, hidden)],
    ]);
  },
  architectures: [
    ['XLNetModel', []],
    ['XLNetForSequenceClassification', ['classifier']],
    ['XLNetForTokenClassification', ['token classifier']],
    ['XLNetForQuestionAnsweringSimple', ['answer span']],
    ['XLNetLMHeadModel', ['mlm']],
  ],
  bare: /^(word_embedding|mask_emb|layer)(\.|$)/,
  ties: [['lm_loss.weight', TABLE]],
  encoderLinear: MATRICES,
  /** There are no others. */
  prunedLinear: MATRICES,
};
