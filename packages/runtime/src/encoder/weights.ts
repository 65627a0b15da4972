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

/** y = W x + b, W [rows, columns], in one of five forms. One without columns is its bias alone. */
export type LinearWeights =
  | (Sized & {
      readonly form: 'dense';
      /** [rows, columns]. */
      readonly values: Float32Array;
    })
  | (Sized & {
      /** Computed in f32, or of the same values in 16-bit fixed point or in int8, four of a row together. */
      readonly form: 'f32' | 'q15' | 'quads';
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

/** A block of layers `L` and norms `N`. */
export interface BlockOf<L, N> {
  /** Absent where no head is left. Rows are heads * head size. */
  readonly attention?: { readonly query: L; readonly key: L; readonly value: L };
  readonly attended: L;
  readonly attendedNorm: N;
  /** Absent where no neuron is left. */
  readonly wide?: L;
  readonly narrow: L;
  readonly norm: N;
}

/** A layer over the first token, its activation, and one output for each label; or two outputs for every token. */
export type HeadOf<L> =
  | {
      readonly kind: 'classification';
      readonly dense: L;
      readonly activation: 'tanh' | 'relu' | 'gelu';
      readonly output: L;
    }
  | { readonly kind: 'span'; readonly output: L };

/** An encoder whose layers, tables and norms are arrays, sections of a file, or places in a memory. */
export interface EncoderOf<L, T, N> {
  readonly hidden: number;
  readonly headSize: number;
  /** Of every LayerNorm. */
  readonly epsilon: number;
  readonly embeddings: {
    readonly words: T;
    readonly positions: T;
    /** Absent in DistilBERT. With one row, as in RoBERTa, that of every token. */
    readonly types?: T;
    /** Row of `positions` that the first token has. */
    readonly firstPosition: number;
    readonly norm: N;
  };
  readonly blocks: readonly BlockOf<L, N>[];
  readonly head?: HeadOf<L>;
}

export type BlockWeights = BlockOf<LinearWeights, NormWeights>;
export type HeadWeights = HeadOf<LinearWeights>;
export type EncoderWeights = EncoderOf<LinearWeights, Table, NormWeights>;
