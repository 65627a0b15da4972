// What flows from a data set to the training loop: tokenised examples, the task they belong to, and batches
// of static shape. Token-major ("s-major") order: token s of row b stands at s * rows + b.

import type { Question, AnswerWindow } from './squad/question.js';

/** One labelled example before tokenising. */
export interface RawExample {
  readonly text: string;
  readonly pair?: string;
  /** Class index for classification, value for regression; 0 for answer spans. */
  readonly label: number;
  /** Of answer spans, whose texts are the question and its context. */
  readonly question?: Question;
}

/** One tokenised example. `ids` includes the special tokens and no padding. */
export interface Example {
  /** Position in its split, stable over runs; the key of teacher-logit caches. */
  readonly index: number;
  readonly ids: Int32Array;
  readonly typeIds: Uint8Array;
  readonly label: number;
  /** Of answer spans: what part of which question's context this is. */
  readonly window?: AnswerWindow;
}

/** Ids of the longest example. */
export const longestOf = (examples: readonly Example[]): number =>
  examples.reduce((most, { ids }) => Math.max(most, ids.length), 1);

/** Scores of class indices and of values. */
export type LabelMetricName = 'accuracy' | 'f1' | 'matthews' | 'pearson' | 'spearman';

/** Answer spans have `f1` too: of the words that answer and reference share. */
export type MetricName = LabelMetricName | 'exactMatch';

/** A labelled task: what is predicted and how it is scored. */
export interface Task {
  readonly name: string;
  readonly kind: 'classification' | 'regression' | 'span';
  /** Class names in index order; one entry, 'score', for regression; none for answer spans. */
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
