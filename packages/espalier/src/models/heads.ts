// Heads over an encoder, in Hugging Face names. Classification and regression: dropout, then `classifier` over the
// pooled first token. Pre-training: masked words (a transform, then the word embeddings as decoder, with a bias of
// its own) and the next sentence.
import type { Node } from '../graph/node.js';
import { gelu } from '../graph/ops/index.js';
import type { OutputLayer } from '../graph/ops/index.js';
import type { Builder } from './builder.js';
import type { ModelConfig } from './config.js';

/** pooled [rows, hidden] -> logits [rows, labels] (one column for regression). */
export function classifierHead(b: Builder, config: ModelConfig, pooled: Node): Node {
  const dropped = b.dropout(pooled, config.classifier_dropout ?? config.hidden_dropout_prob);
  return b.activation(b.linear(dropped, 'classifier'), 'logits');
}

const TRANSFORM = 'cls.predictions.transform';

/** hidden [n, hidden] -> what the decoder of masked words reads, [n, hidden]. */
export const wordTransform = (b: Builder, config: ModelConfig, hidden: Node): Node =>
  b.layerNorm(gelu(b.linear(hidden, `${TRANSFORM}.dense`)), `${TRANSFORM}.LayerNorm`, config.layer_norm_eps);

/** Names of the decoder's matrix, tied to the word embeddings, and of its bias. */
export const WORD_DECODER = {
  weight: 'bert.embeddings.word_embeddings.weight',
  bias: 'cls.predictions.bias',
} as const;

/** The decoder of masked words over transformed rows. */
export const wordDecoder = (b: Builder, transformed: Node): OutputLayer => ({
  x: transformed,
  weight: b.weight(WORD_DECODER.weight),
  bias: b.weight(WORD_DECODER.bias),
});

/** pooled [rows, hidden] -> [rows, 2]: the second segment continues the first (0), or is from elsewhere (1). */
export const nextSentenceHead = (b: Builder, pooled: Node): Node => b.linear(pooled, 'cls.seq_relationship');
