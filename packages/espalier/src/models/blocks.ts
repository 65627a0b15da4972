// The encoder that BERT and its relatives share (Devlin et al., 2018): embeddings, then blocks of attention and a wide
// layer, each followed by LayerNorm over the sum. Families differ in names and in a few settings. Shapes come from the
// parameters, never from the config, so that sliced models are ordinary; the config gives head size, dropout, epsilon.
import type { Node } from '../graph/node.js';
import { add, expand, gelu, reshape, slice } from '../graph/ops/index.js';
import { attention } from './attention.js';
import type { Builder } from './builder.js';
import type { ModelConfig } from './config.js';
import { headSize, structureOf } from './structure.js';
import { linearShapes, normShapes, type Shapes } from './tensor-table.js';

export interface Blocks {
  /** What stands before the number of a block. */
  readonly prefix: string;
  /** Names of its layers, after the number. */
  readonly query: string;
  readonly key: string;
  readonly value: string;
  readonly attended: string;
  readonly attendedNorm: string;
  readonly wide: string;
  readonly narrow: string;
  readonly norm: string;
  /** Name of the site of the attention probabilities. */
  readonly probabilities: string;
  /** Whether there is dropout after `attended`. */
  readonly attendedDropout: boolean;
}

/** Blocks in the names of BERT under another prefix. */
export const bertBlocks = (prefix: string): Blocks => ({
  prefix,
  query: 'attention.self.query',
  key: 'attention.self.key',
  value: 'attention.self.value',
  attended: 'attention.output.dense',
  attendedNorm: 'attention.output.LayerNorm',
  wide: 'intermediate.dense',
  narrow: 'output.dense',
  norm: 'output.LayerNorm',
  probabilities: 'attention.self.probabilities',
  attendedDropout: true,
});

/** A layer without inputs is its bias alone; one without outputs is none. */
const layerShapes = (name: string, output: number, input: number): Shapes =>
  linearShapes(name, output, input).filter(([, shape]) => !shape.includes(0));

/** Name and shape of every tensor of the blocks. */
export function blockShapes(blocks: Blocks, config: ModelConfig): Shapes {
  const { hidden_size: hidden } = config;
  const { heads, neurons } = structureOf(config);
  return heads
    .map((count, layer) => {
      const name = `${blocks.prefix}${layer}.`;
      const [attended, wide] = [count * headSize(config), neurons[layer]!];
      return [
        ...[blocks.query, blocks.key, blocks.value].flatMap((role) =>
          layerShapes(name + role, attended, hidden),
        ),
        ...layerShapes(name + blocks.attended, hidden, attended),
        ...normShapes(name + blocks.attendedNorm, hidden),
        ...layerShapes(name + blocks.wide, wide, hidden),
        ...layerShapes(name + blocks.narrow, hidden, wide),
        ...normShapes(name + blocks.norm, hidden),
      ];
    })
    .flat();
}

export interface Embedded {
  /** What stands before the names of tables and LayerNorm. */
  readonly name: string;
  /** [length * rows] int32, s-major. */
  readonly ids: Node;
  /** Embeddings of the token types, [length * rows, width] or [1, width], in families that have them. */
  readonly types?: Node;
  /** Row of the position table that the first token has; 0 by default. */
  readonly firstPosition?: number;
}

/** Sum of word, position and token-type embeddings, normalised: [length * rows, width]. */
export function embed(
  b: Builder,
  config: ModelConfig,
  { name, ids, types, firstPosition = 0 }: Embedded,
): Node {
  const { rows, length } = b.bucket;
  const words = b.rows(`${name}.word_embeddings.weight`, ids);
  const typed = types ? add(words, types) : words;
  const width = typed.shape[1]!;
  const table = b.weight(`${name}.position_embeddings.weight`);
  // Two slices: in an exported file the second one's end is open.
  const positions = slice(slice(table, 0, firstPosition, table.shape[0]!), 0, 0, length);
  const sum = add(reshape(typed, [length, rows, width]), reshape(positions, [length, 1, width]));
  const normalised = b.layerNorm(
    reshape(sum, [length * rows, width]),
    `${name}.LayerNorm`,
    config.layer_norm_eps,
  );
  return b.dropout(normalised, config.hidden_dropout_prob);
}

/** The layer over what `x` gives, or its bias alone, in the shape of `like`, where it has lost all its inputs. */
function linearOf(b: Builder, x: () => Node, name: string, like: Node): Node {
  if (b.has(`${name}.weight`)) return b.linear(x(), name);
  return expand(reshape(b.weight(`${name}.bias`), [1, like.shape[1]!]), like.shape);
}

/**
 * The encoder blocks over embedding output x [length * rows, hidden]; sites `${prefix}input`, and `output` of each
 * block. With `summaryOnly` the last block computes its output for the first token of each row alone: [rows, hidden].
 */
export function encodeBlocks(
  b: Builder,
  config: ModelConfig,
  blocks: Blocks,
  { x, bias }: { readonly x: Node; readonly bias: Node },
  summaryOnly: boolean,
): Node {
  const { hidden_dropout_prob: dropout, layer_norm_eps: epsilon } = config;
  let hidden = b.activation(x, `${blocks.prefix}input`);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const name = `${blocks.prefix}${layer}.`;
    const last = layer === config.num_hidden_layers - 1;
    const wanted = last && summaryOnly ? slice(hidden, 0, 0, b.bucket.rows) : hidden;
    const read = (): Node =>
      attention(b, {
        query: b.linear(wanted, name + blocks.query),
        key: b.linear(hidden, name + blocks.key),
        value: b.linear(hidden, name + blocks.value),
        bias,
        headSize: headSize(config),
        dropout: config.attention_probs_dropout_prob,
        site: name + blocks.probabilities,
      });
    const attended = linearOf(b, read, name + blocks.attended, wanted);
    const kept = blocks.attendedDropout ? b.dropout(attended, dropout) : attended;
    const middle = b.layerNorm(add(kept, wanted), name + blocks.attendedNorm, epsilon);
    const wide = (): Node => gelu(b.linear(middle, name + blocks.wide));
    const narrow = b.dropout(linearOf(b, wide, name + blocks.narrow, middle), dropout);
    hidden = b.layerNorm(add(narrow, middle), name + blocks.norm, epsilon);
    hidden = b.activation(hidden, `${name}output`);
  }
  return hidden;
}
