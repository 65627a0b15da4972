// From start and end logits to an answer: the best pairs of every window, pooled over the windows of a question
// (Devlin et al., 2018). The text is cut from the context by offsets.
import type { Example } from '../example.js';
import type { Question } from './question.js';

/** Likeliest starts and ends of a window that are paired, and tokens of an answer at most (BERT's code). */
const BEST = 20;
const ANSWER_LENGTH = 30;

export interface SpanPrediction {
  /** Empty where no pair is possible. */
  readonly text: string;
  /** Offsets in the context in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Start logit plus end logit. */
  readonly score: number;
}

const NONE: SpanPrediction = { text: '', start: 0, end: 0, score: -Infinity };

/** Positions of the largest values, the first of equal ones first. */
const largest = (values: Float32Array): number[] =>
  [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, BEST);

/** The best pair of one window; `logits` holds a start for each of its ids, then an end for each. */
export function windowPrediction({ ids, window }: Example, logits: Float32Array): SpanPrediction {
  const { question, tokens, first, count, at, maximal } = window!;
  const starts = logits.subarray(0, ids.length);
  const ends = logits.subarray(ids.length);
  const inContext = (position: number): boolean => position >= at && position < at + count;
  const lasts = largest(ends).filter(inContext);
  let best = NONE;
  for (const start of largest(starts)) {
    if (!inContext(start) || maximal[start - at] === 0) continue;
    for (const end of lasts) {
      if (end < start || end - start + 1 > ANSWER_LENGTH) continue;
      const score = starts[start]! + ends[end]!;
      if (score <= best.score) continue;
      const from = tokens.starts[first + start - at]!;
      const until = tokens.ends[first + end - at]!;
      best = { text: question.context.slice(from, until), start: from, end: until, score };
    }
  }
  return best;
}

export interface Answers {
  readonly questions: readonly Question[];
  /** One for each question. */
  readonly predictions: readonly SpanPrediction[];
}

/** The best answer over all windows of each question, in the order of the examples. */
export function predictAnswers(examples: readonly Example[], logits: readonly Float32Array[]): Answers {
  const best = new Map<Question, SpanPrediction>();
  for (const [index, example] of examples.entries()) {
    const { question } = example.window!;
    const found = windowPrediction(example, logits[index]!);
    const known = best.get(question);
    if (!known || found.score > known.score) best.set(question, found);
  }
  return { questions: [...best.keys()], predictions: [...best.values()] };
}
