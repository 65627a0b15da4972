// An encoder as plain arrays: what a packed file decodes to, and what this runtime computes with.

/** Rows of non-zeros: those of row r are entries rowStart[r] to rowStart[r + 1], columns ascending. */
export interface SparseRows {
  /** [rows + 1]. */
  readonly rowStart: Uint32Array;
  readonly columns: Uint16Array;
}

interface Sized {
  readonly rows: number;
  readonly columns: number;
  /** [rows]. */
  readonly bias: Float32Array;
}

/** y = W x + b, W [rows, columns], in one of four forms. One without columns is its bias alone. */
export type LinearWeights =
  | (Sized & {
      readonly form: 'dense';
      /** [rows, columns]. */
      readonly values: Float32Array;
    })
  | (Sized & {
      /** Computed in f32, or in 16-bit fixed point made of the same values. */
      readonly form: 'f32' | 'q15';
      readonly entries: SparseRows;
      /** One for each entry; int8 values are times their row's scale. */
      readonly values: Float32Array | Int8Array;
      /** [rows]; of int8 values only. */
      readonly scales?: Float32Array;
    })
  | (Sized & {
      /** Blocks of one row and four neighbouring columns; `columns` of an entry is the first one's / 4. */
      readonly form: 'int8';
      readonly entries: SparseRows;
      /** Four for each entry, -127 to 127; those past the last column are zero. */
      readonly values: Int8Array;
      /** [rows]. */
      readonly scales: Float32Array;
    });

/** Gain and bias of a LayerNorm, [hidden] each. */
export interface NormWeights {
  readonly gain: Float32Array;
  readonly bias: Float32Array;
}

/** Rows of embeddings, in one of three forms. */
export type Table =
  | {
      readonly form: 'f32';
      readonly rows: number;
      /** [rows, hidden]. */
      readonly values: Float32Array;
    }
  | {
      readonly form: 'int8';
      readonly rows: number;
      /** [rows, hidden], each times its row's scale. */
      readonly values: Int8Array;
      /** [rows]. */
      readonly scales: Float32Array;
    }
  | {
      readonly form: 'int4';
      readonly rows: number;
      /** [rows, ceil(hidden / 2)]: two features a byte, the first in its lower half, each less 8. */
      readonly values: Uint8Array;
      /** [rows, ceil(hidden / group)]. */
      readonly scales: Float32Array;
      /** Features of a row that share a scale. */
      readonly group: number;
    };

export interface BlockWeights {
  /** Absent where no head is left. Rows are heads * head size. */
  readonly attention?: {
    readonly query: LinearWeights;
    readonly key: LinearWeights;
    readonly value: LinearWeights;
  };
  readonly attended: LinearWeights;
  readonly attendedNorm: NormWeights;
  /** Absent where no neuron is left. */
  readonly wide?: LinearWeights;
  readonly narrow: LinearWeights;
  readonly norm: NormWeights;
}

/** A layer over the first token, its activation, and one output for each label; or two outputs for every token. */
export type HeadWeights =
  | {
      readonly kind: 'classification';
      readonly dense: LinearWeights;
      readonly activation: 'tanh' | 'relu' | 'gelu';
      readonly output: LinearWeights;
    }
  | { readonly kind: 'span'; readonly output: LinearWeights };

export interface EncoderWeights {
  readonly hidden: number;
  readonly headSize: number;
  /** Of every LayerNorm. */
  readonly epsilon: number;
  readonly embeddings: {
    readonly words: Table;
    readonly positions: Table;
    /** Absent in DistilBERT. With one row, as in RoBERTa, that of every token. */
    readonly types?: Table;
    /** Row of `positions` that the first token has. */
    readonly firstPosition: number;
    readonly norm: NormWeights;
  };
  readonly blocks: readonly BlockWeights[];
  readonly head?: HeadWeights;
}
