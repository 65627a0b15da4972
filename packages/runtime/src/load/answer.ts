// The answer to a question in one window over its context (Devlin et al., 2018): the likeliest start and end among the
// tokens of the context, in this order and near each other.
import type { SpanLogits, Tokens } from '../encoder/index.js';
import type { PieceSpan } from '../tokenizer/offsets.js';
import type { TextTokenizer } from '../tokenizer/text-tokenizer.js';
import { textOf } from './arguments.js';
import { softmax } from './softmax.js';

/** Tokens of a question, if that is no more than a third of the input, and of an answer (BERT's code). */
const QUESTION_LENGTH = 64;
const ANSWER_LENGTH = 30;

export interface Question {
  readonly question: string;
  readonly context: string;
}

export interface Answer {
  /** A stretch of the context; empty where the context is. */
  readonly text: string;
  /** Where it stands in the context, in UTF-16 units; the end is exclusive. */
  readonly start: number;
  readonly end: number;
  /** Probability of the start times that of the end. */
  readonly score: number;
  /** Whether the end of the question or of the context was left out. */
  readonly truncated: boolean;
}

/** Question and context as one input. */
export interface Asked {
  readonly tokens: Tokens;
  /** What the ids from `at` on stand for. */
  readonly spans: readonly PieceSpan[];
  readonly at: number;
  readonly truncated: boolean;
}

/** An input of at most `length` tokens. */
export function ask(tokenizer: TextTokenizer, { question, context }: Question, length: number): Asked {
  const most = Math.max(1, Math.min(QUESTION_LENGTH, Math.floor(length / 3)));
  const whole = tokenizer.beginningOf(textOf('question', question), most).ids;
  const asked = whole.slice(0, most);
  const room = Math.max(0, length - tokenizer.pairSpecials - asked.length);
  const read = tokenizer.withOffsets(textOf('context', context), room);
  const spans = read.slice(0, room);
  const joined = tokenizer.join(
    asked,
    spans.map(({ id }) => id),
  );
  const truncated = asked.length < whole.length || spans.length < read.length;
  return { tokens: joined, spans, at: joined.at, truncated };
}

export function bestAnswer(context: string, { spans, at, truncated }: Asked, logits: SpanLogits): Answer {
  const starts = softmax(logits.start.subarray(at, at + spans.length));
  const ends = softmax(logits.end.subarray(at, at + spans.length));
  let best: Answer = { text: '', start: 0, end: 0, score: 0, truncated };
  for (let first = 0; first < spans.length; first++) {
    for (let last = first; last < Math.min(first + ANSWER_LENGTH, spans.length); last++) {
      const score = starts[first]! * ends[last]!;
      if (score <= best.score) continue;
      const [start, end] = [spans[first]!.start, spans[last]!.end];
      best = { text: context.slice(start, end), start, end, score, truncated };
    }
  }
  return best;
}
