// What a model family is: a pure function from config and parameters to graph nodes, with its names.
import type { Node } from '../graph/node.js';
import type { Blocks } from './blocks.js';
import type { Builder } from './builder.js';
import type { ModelConfig } from './config.js';
import type { Part, TensorTable } from './tensor-table.js';

export interface EncoderInputs {
  /** [length * rows] int32, s-major. */
  readonly ids: Node;
  /** [length * rows] int32, s-major. */
  readonly typeIds: Node;
  /** [rows, length] float32: 0 for a real token, -1e9 for padding. */
  readonly bias: Node;
}

/** The head of a task over one token: a layer as wide as the encoder, then one output per label. */
export interface TaskHead {
  /** Which token of the input it reads. Padding stands at the other end. */
  readonly summary: 'first' | 'last';
  readonly dense: string;
  readonly activation: (x: Node) => Node;
  /** Whether `dense` has dropout before it too. */
  readonly dropoutFirst: boolean;
  readonly output: string;
}

/** The head of masked words: the word embeddings as decoder, with a bias of its own. */
export interface WordHead {
  /** A layer before it, GELU and LayerNorm, in families that have them. */
  readonly transform?: { readonly dense: string; readonly norm: string };
  /** The tied table [vocabulary, width]. */
  readonly decoder: string;
  readonly bias: string;
}

export interface Family {
  readonly name: string;
  /** What stands before every encoder parameter's name in a checkpoint with a head. */
  readonly prefix: string;
  /** What stands before the number of a block, in names of tensors and of sites. */
  readonly blockPrefix: string;
  /** The blocks' names, in families that have BERT's: their heads and neurons can be removed. */
  readonly blocks?: Blocks;
  /** Tokens that an input may have. */
  readonly longestInput: (config: ModelConfig) => number;
  /** -> [length * rows, hidden], or [rows, hidden] when only what the head of a task reads is asked for. */
  readonly encode: (b: Builder, config: ModelConfig, inputs: EncoderInputs, summaryOnly: boolean) => Node;
  readonly head: TaskHead;
  readonly words: WordHead;
  /** Name and shape of every tensor a model of this config can have, by part. */
  readonly tensors: (config: ModelConfig) => TensorTable;
  /** Parts that each transformers class has besides embeddings and encoder. */
  readonly architectures: readonly (readonly [name: string, parts: readonly Part[]])[];
  /** Names in files of the bare encoder, which lack the prefix. */
  readonly bare: RegExp;
  /** Decoders that are a second name for the same numbers. */
  readonly ties: readonly (readonly [copy: string, original: string])[];
  /** Names of the encoder linear matrices: what the pruning methods prune by default. */
  readonly encoderLinear: RegExp;
  /** Names of every linear matrix of transformers' encoder class, pooler included: what Prune Once for All prunes. */
  readonly prunedLinear: RegExp;
}
