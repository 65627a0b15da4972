// BERT (Devlin et al., 2018) in Hugging Face parameter names. Shapes come from the parameters, never from the
// config, so that sliced models are ordinary; the config gives head size, dropout and epsilon.
import type { Node } from '../graph/node.js';
import { add, gelu, reshape, slice, tanh } from '../graph/ops/index.js';
import { attention } from './attention.js';
import type { Builder } from './builder.js';
import type { ModelConfig } from './config.js';
import type { EncoderInputs, EncoderOutput, Family } from './encoder.js';

const PREFIX = 'bert.';

/** Sum of word, position and token-type embeddings, normalised: [length * rows, hidden]. */
export function embed(b: Builder, config: ModelConfig, { ids, typeIds }: EncoderInputs): Node {
  const { rows, length } = b.bucket;
  const name = `${PREFIX}embeddings.`;
  const words = add(
    b.rows(`${name}word_embeddings.weight`, ids),
    b.rows(`${name}token_type_embeddings.weight`, typeIds),
  );
  const hidden = words.shape[1]!;
  const positions = slice(b.weight(`${name}position_embeddings.weight`), 0, 0, length);
  const sum = add(reshape(words, [length, rows, hidden]), reshape(positions, [length, 1, hidden]));
  const normalised = b.layerNorm(
    reshape(sum, [length * rows, hidden]),
    `${name}LayerNorm`,
    config.layer_norm_eps,
  );
  return b.dropout(normalised, config.hidden_dropout_prob);
}

/**
 * The encoder blocks over embedding output x [length * rows, hidden]. With `firstTokenOnly` the last block
 * computes its output for the first token of each row alone: [rows, hidden].
 */
export function encodeBlocks(
  b: Builder,
  config: ModelConfig,
  x: Node,
  bias: Node,
  firstTokenOnly: boolean,
): Node {
  const headSize = config.hidden_size / config.num_attention_heads;
  let hidden = x;
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const name = `${PREFIX}encoder.layer.${layer}.`;
    const last = layer === config.num_hidden_layers - 1;
    const wanted = last && firstTokenOnly ? slice(hidden, 0, 0, b.bucket.rows) : hidden;
    const context = attention(b, {
      query: b.linear(wanted, `${name}attention.self.query`),
      key: b.linear(hidden, `${name}attention.self.key`),
      value: b.linear(hidden, `${name}attention.self.value`),
      bias,
      headSize,
      dropout: config.attention_probs_dropout_prob,
      site: `${name}attention.self.probabilities`,
    });
    const attended = b.dropout(
      b.linear(context, `${name}attention.output.dense`),
      config.hidden_dropout_prob,
    );
    const middle = b.layerNorm(
      add(attended, wanted),
      `${name}attention.output.LayerNorm`,
      config.layer_norm_eps,
    );
    const wide = gelu(b.linear(middle, `${name}intermediate.dense`));
    const narrow = b.dropout(b.linear(wide, `${name}output.dense`), config.hidden_dropout_prob);
    hidden = b.layerNorm(add(narrow, middle), `${name}output.LayerNorm`, config.layer_norm_eps);
    hidden = b.activation(hidden, `${name}output`);
  }
  return hidden;
}

/** tanh of a linear layer over the first token: [rows, hidden]. `sequence` may already be the first tokens only. */
export const pool = (b: Builder, sequence: Node): Node =>
  tanh(b.linear(slice(sequence, 0, 0, b.bucket.rows), `${PREFIX}pooler.dense`));

function encode(
  b: Builder,
  config: ModelConfig,
  inputs: EncoderInputs,
  firstTokenOnly: boolean,
): EncoderOutput {
  const sequence = encodeBlocks(b, config, embed(b, config, inputs), inputs.bias, firstTokenOnly);
  return { sequence, pooled: () => pool(b, sequence) };
}

export const bert: Family = {
  name: 'bert',
  prefix: PREFIX,
  encode,
  /** The six matrices of each block. */
  encoderLinear: /^bert\.encoder\.layer\.\d+\..*(query|key|value|dense)\.weight$/,
  /** Those and the pooler's, which is a `Linear` under `bert` in the reference implementation and so is pruned. */
  prunedLinear: /^bert\.(encoder\.layer\.\d+\..*(query|key|value|dense)|pooler\.dense)\.weight$/,
};
