// Heads over an encoder, in Hugging Face names. Classification and regression: a layer over the first token, or the
// last, its activation, dropout, and one output per label. Pre-training: masked words (a transform, where the family has
// one, then the word embeddings as decoder, with a bias of its own) and, of BERT alone, the next sentence.
import type { Node } from '../graph/node.js';
import { gelu, slice, sliceEnd } from '../graph/ops/index.js';
import type { OutputLayer } from '../graph/ops/index.js';
import type { Builder } from './builder.js';
import type { ModelConfig } from './config.js';
import type { TaskHead, WordHead } from './encoder.js';

/** The tokens that the head of a task reads: [rows, hidden]. `sequence` may already be these only. */
export const summaryTokens = ({ bucket: { rows } }: Builder, { summary }: TaskHead, sequence: Node): Node =>
  summary === 'first' ? slice(sequence, 0, 0, rows) : sliceEnd(sequence, 0, rows);

/** The first layer of the head of a task: [rows, hidden]. */
export const pool = (b: Builder, head: TaskHead, sequence: Node): Node =>
  head.activation(b.linear(summaryTokens(b, head, sequence), head.dense));

/** sequence [length * rows, hidden] or [rows, hidden] -> logits [rows, labels] (one column for regression). */
export function classifierHead(b: Builder, config: ModelConfig, head: TaskHead, sequence: Node): Node {
  const rate = config.classifier_dropout ?? config.hidden_dropout_prob;
  const tokens = summaryTokens(b, head, sequence);
  const pooled = pool(b, head, head.dropoutFirst ? b.dropout(tokens, rate) : tokens);
  return b.activation(b.linear(b.dropout(pooled, rate), head.output), 'logits');
}

/** hidden [n, hidden] -> what the decoder of masked words reads, [n, width]. */
export const wordTransform = (
  b: Builder,
  config: ModelConfig,
  { transform }: WordHead,
  hidden: Node,
): Node =>
  transform
    ? b.layerNorm(gelu(b.linear(hidden, transform.dense)), transform.norm, config.layer_norm_eps)
    : hidden;

/** The decoder of masked words over transformed rows. */
export const wordDecoder = (b: Builder, { decoder, bias }: WordHead, transformed: Node): OutputLayer => ({
  x: transformed,
  weight: b.weight(decoder),
  bias: b.weight(bias),
});

/** pooled [rows, hidden] -> [rows, 2]: the second segment continues the first (0), or is from elsewhere (1). */
export const nextSentenceHead = (b: Builder, pooled: Node): Node => b.linear(pooled, 'cls.seq_relationship');
