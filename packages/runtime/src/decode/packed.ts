// An encoder as sections of a packed file: what goes where, known from its header alone.
import type { EncoderOf, LinearWeights } from '../encoder/weights.js';
import type { TensorSection } from '../format/header.js';

export interface PackedLinear {
  readonly rows: number;
  /** Absent where a layer has lost all its inputs and is its bias alone. */
  readonly matrix?: TensorSection;
  readonly bias: TensorSection;
  /** How it is computed. */
  readonly as: LinearWeights['form'];
}

export interface PackedTable {
  readonly section: TensorSection;
  /** Rows that are used, from the first. */
  readonly rows: number;
}

export interface PackedNorm {
  readonly gain: TensorSection;
  readonly bias: TensorSection;
}

export type PackedEncoder = EncoderOf<PackedLinear, PackedTable, PackedNorm>;
