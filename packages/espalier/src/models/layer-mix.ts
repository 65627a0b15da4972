// The head of Adapting by Pruning (Gao, Colombo and Wang, 2021): a learned weighted average of what every block gives
// for the summary token, a hidden ReLU layer, one output per label. The average is over the outputs of the blocks alone:
// the embedding of the summary token is the same for every text, so it could only add a constant, which the hidden
// layer's bias has anyway. No class of transformers has such a head.
import type { Node } from '../graph/node.js';
import { add, mul, relu, slice, softmax } from '../graph/ops/index.js';
import type { HostTensor } from '../tensor/tensor.js';
import { f32 } from '../tensor/tensor.js';
import type { Builder } from './builder.js';
import { labelCount, type ModelConfig } from './config.js';
import type { EncoderInputs } from './encoder.js';
import { familyOf } from './families.js';
import { summaryTokens } from './heads.js';
import type { Model } from './model.js';
import { linearShapes, type Shapes } from './tensor-table.js';

/** Logits of the weights of the average, [1, blocks]. */
const SCORES = 'layer_mix.scores';
const DENSE = 'layer_mix.dense';
const OUTPUT = 'layer_mix.output';

/** What the sites of the blocks' outputs end with. */
const BLOCK_OUTPUT = /\.\d+\.output$/;

export const layerMixShapes = (config: ModelConfig): Shapes => [
  [SCORES, [1, config.num_hidden_layers]],
  ...linearShapes(DENSE, config.hidden_size, config.hidden_size),
  ...linearShapes(OUTPUT, labelCount(config), config.hidden_size),
];

export const hasLayerMix = ({ tensors }: Pick<Model, 'tensors'>): boolean => tensors.has(SCORES);

/** Outputs of the head, or undefined when the model has none. */
export const layerMixOutputs = ({ tensors }: Pick<Model, 'tensors'>): number | undefined =>
  tensors.get(`${OUTPUT}.weight`)?.shape[0];

/** A head of zeros for a model of this config. */
export const emptyLayerMix = (config: ModelConfig): Map<string, HostTensor<'F32'>> =>
  new Map(layerMixShapes(config).map(([name, shape]) => [name, f32(shape)]));

/** Logits [rows, labels] of a model with this head. */
export function layerMixLogits(b: Builder, config: ModelConfig, inputs: EncoderInputs): Node {
  const family = familyOf(config);
  const summaries: Node[] = [];
  const watching: Builder = {
    ...b,
    activation: (node, site) => {
      const seen = b.activation(node, site);
      if (BLOCK_OUTPUT.test(site)) summaries.push(summaryTokens(b, family.head, seen));
      return seen;
    },
  };
  family.encode(watching, config, inputs, true);
  return mixLogits(b, config, summaries);
}

function mixLogits(b: Builder, config: ModelConfig, summaries: readonly Node[]): Node {
  const shares = softmax(b.weight(SCORES)); // [1, blocks]
  const mixed = summaries
    .map((summary, block) => mul(summary, slice(shares, 1, block, block + 1)))
    .reduce((sum, part) => add(sum, part));
  const rate = config.classifier_dropout ?? config.hidden_dropout_prob;
  const hidden = b.dropout(relu(b.linear(mixed, DENSE)), rate);
  return b.activation(b.linear(hidden, OUTPUT), 'logits');
}
