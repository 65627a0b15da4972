// What a question of SQuAD 1.1 (Rajpurkar et al., 2016) is, as it was asked and as windows of token ids.

/** An answer as a stretch of the context. */
export interface Answer {
  readonly text: string;
  /** Where it begins, in Unicode code points, as SQuAD counts. */
  readonly start: number;
}

export interface Question {
  readonly id: string;
  readonly text: string;
  readonly context: string;
  /** At least one; dev questions have several, of which any counts. */
  readonly answers: readonly Answer[];
}

/** A text as token ids, each with the stretch of the text it stands for. */
export interface TokenisedText {
  readonly ids: Int32Array;
  /** Offsets in UTF-16 units, white space left out; an end equals its start where a token is white space alone. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

/** A stretch of a question's context, as it lies in the ids of an example. */
export interface AnswerWindow {
  readonly question: Question;
  readonly tokens: TokenisedText;
  /** Its first context token, and how many there are. */
  readonly first: number;
  readonly count: number;
  /** Position among the ids of the first context token. */
  readonly at: number;
  /** [count]: 1 where no other window of the question shows the token with more context. */
  readonly maximal: Uint8Array;
  /** Positions among the ids of the answer's first and last token; of the CLS token where it is not all here. */
  readonly start: number;
  readonly end: number;
}
