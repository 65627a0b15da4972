// What flows from a data set to the training loop: tokenised examples, the task they belong to, and batches
// of static shape. Token-major ("s-major") order: token s of row b stands at s * rows + b.

/** One labelled example before tokenising. */
export interface RawExample {
  readonly text: string;
  readonly pair?: string;
  /** Class index for classification, value for regression. */
  readonly label: number;
}

/** One tokenised example. `ids` includes the special tokens and no padding. */
export interface Example {
  /** Position in its split, stable over runs; the key of teacher-logit caches. */
  readonly index: number;
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
  readonly label: number;
}

export type MetricName = 'accuracy' | 'f1' | 'matthews' | 'pearson' | 'spearman';

/** A labelled task: what is predicted and how it is scored. */
export interface Task {
  readonly name: string;
  readonly kind: 'classification' | 'regression';
  /** Class names in index order; one entry, 'score', for regression. */
  readonly labels: readonly string[];
  /** Scores to report, the main one first. */
  readonly metrics: readonly MetricName[];
}

/** A task with its examples. `files` names what was read and its SHA-256. */
export interface TaskData {
  readonly task: Task;
  readonly train: readonly RawExample[];
  readonly dev: readonly RawExample[];
  readonly files: readonly { path: string; sha256: string; rows: number }[];
}

/** The end of a row where padding stands. */
export type PadSide = 'left' | 'right';

/** What a batch is filled up with, and where; right by default. */
export interface Padding {
  readonly padId: number;
  readonly padSide?: PadSide | undefined;
}

/**
 * A batch of static shape: `rows` x `length`, s-major. Rows beyond the examples and tokens outside `starts` and the
 * example's length are padding: padded rows have weight 0 and padded tokens have mask 0. A padded row still attends to
 * its own first token so that softmax stays finite.
 */
export interface Batch {
  readonly rows: number;
  readonly length: number;
  readonly examples: readonly Example[];
  /** Place of the first token of each example; 0 unless padding stands on the left. */
  readonly starts: readonly number[];
  /** [length * rows], s-major token ids. */
  readonly ids: Int32Array;
  /** [length * rows], s-major token types. */
  readonly typeIds: Int32Array;
  /** [rows * length], ROW-major: 1 for a real token, 0 for padding. */
  readonly mask: Uint8Array;
  /** [rows]: 1 for a real example, 0 for a padded row. */
  readonly rowWeights: Float32Array;
}
