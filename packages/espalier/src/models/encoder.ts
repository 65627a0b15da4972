// What a model family is: a pure function from config and parameters to graph nodes, with its naming.
import type { Node } from '../graph/node.js';
import type { Builder } from './builder.js';
import type { ModelConfig } from './config.js';

export interface EncoderInputs {
  /** [length * rows] int32, s-major. */
  readonly ids: Node;
  /** [length * rows] int32, s-major. */
  readonly typeIds: Node;
  /** [rows, length] float32: 0 for a real token, -1e9 for padding. */
  readonly bias: Node;
}

export interface EncoderOutput {
  /** [length * rows, hidden], or [rows, hidden] when only the first tokens were asked for. */
  readonly sequence: Node;
  /** [rows, hidden] */
  readonly pooled: () => Node;
}

export interface Family {
  readonly name: string;
  /** What stands before every encoder parameter's name in a checkpoint with a head. */
  readonly prefix: string;
  encode(b: Builder, config: ModelConfig, inputs: EncoderInputs, firstTokenOnly: boolean): EncoderOutput;
  /** Names of the encoder linear matrices: what the pruning methods prune by default. */
  readonly encoderLinear: RegExp;
  /** Names of every linear matrix outside the heads, the pooler's too: what Prune Once for All prunes. */
  readonly prunedLinear: RegExp;
}
