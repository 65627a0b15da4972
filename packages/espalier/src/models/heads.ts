// Task heads. Classification and regression share Hugging Face's sequence-classification head: dropout, then
// `classifier` over the pooled first token.
import type { Node } from '../graph/node.js';
import type { Builder } from './builder.js';
import type { ModelConfig } from './config.js';

/** pooled [rows, hidden] -> logits [rows, labels] (one column for regression). */
export function classifierHead(b: Builder, config: ModelConfig, pooled: Node): Node {
  const dropped = b.dropout(pooled, config.classifier_dropout ?? config.hidden_dropout_prob);
  return b.activation(b.linear(dropped, 'classifier'), 'logits');
}
