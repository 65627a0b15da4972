// Questions as examples: each becomes the windows over its context, with the answer as positions among their ids.
// Lengths and strides by default are those of BERT's code.
import type { Example, RawExample } from '../example.js';
import type { Tokenizer } from '../tokenizer.js';
import { offsetEncoder } from './offsets.js';
import type { AnswerWindow, Question, TokenisedText } from './question.js';
import { maximalContext, windowStarts, type WindowOptions } from './windows.js';

/** Tokens of an input, where the model has as many positions (BERT's code). */
export const SPAN_LENGTH = 384;

/** `most`, and at most a third of the input: BERT's 128 is a third of its 384. */
const upToThird = (most: number, maxLength: number): number =>
  Math.max(1, Math.min(most, Math.floor(maxLength / 3)));

/** Tokens of a question; what is longer loses its end (BERT's code: 64). */
const questionLength = (maxLength: number): number => upToThird(64, maxLength);

/** Tokens between two windows (BERT's code: 128). */
const strideFor = (maxLength: number): number => upToThird(128, maxLength);

export interface SpanOptions {
  readonly maxLength: number;
  /** Default: 128 tokens, or a third of a `maxLength` below 384. */
  readonly docStride?: number | undefined;
  /** Default: advance. */
  readonly stride?: WindowOptions['reading'] | undefined;
}

export interface SpanExamples {
  readonly examples: readonly Example[];
  readonly questions: number;
  readonly contexts: number;
  /** Contexts whose ids, word by word, are not those of the whole text. */
  readonly inexact: number;
  /** Questions none of whose answers stands where it is said to. */
  readonly misplaced: readonly string[];
}

/** UTF-16 offset of a code point. */
function utf16Offset(text: string, codePoints: number): number {
  let offset = 0;
  for (let i = 0; i < codePoints && offset < text.length; i++)
    offset += text.codePointAt(offset)! > 0xffff ? 2 : 1;
  return offset;
}

interface Span {
  readonly first: number;
  readonly last: number;
}

/** The tokens of the first answer that stands where it is said to: the fewest that hold all of it. */
export function answerTokens(
  { context, answers }: Question,
  { starts, ends }: TokenisedText,
): Span | undefined {
  for (const { text, start } of answers) {
    const from = utf16Offset(context, start);
    const until = from + text.length;
    if (context.slice(from, until) !== text) continue;
    const first = ends.findIndex((end, token) => end > from && end > starts[token]!);
    const last = starts.findLastIndex((begin, token) => begin < until && ends[token]! > begin);
    if (first !== -1 && first <= last) return { first, last };
  }
  return undefined;
}

/** Every question as windows; with `trained`, those whose answer is nowhere are left out. */
export function spanExamples(
  tokenizer: Tokenizer,
  raw: readonly RawExample[],
  options: SpanOptions,
  { trained }: { readonly trained: boolean },
): SpanExamples {
  const encode = offsetEncoder(tokenizer);
  const contexts = new Map<string, ReturnType<typeof encode>>();
  const examples: Example[] = [];
  const misplaced: string[] = [];
  for (const { question } of raw) {
    const { id, context } = question!;
    const tokens = contexts.get(context) ?? encode(context);
    contexts.set(context, tokens);
    const answer = answerTokens(question!, tokens);
    if (!answer) misplaced.push(id);
    if (!answer && trained) continue;
    for (const window of questionWindows(tokenizer, question!, tokens, answer, options)) {
      examples.push({ index: examples.length, label: 0, ...window });
    }
  }
  const inexact = [...contexts.values()].filter(({ exact }) => !exact).length;
  return { examples, questions: raw.length, contexts: contexts.size, inexact, misplaced };
}

type WindowedIds = Pick<Example, 'ids' | 'typeIds'> & { readonly window: AnswerWindow };

function questionWindows(
  tokenizer: Tokenizer,
  question: Question,
  tokens: TokenisedText,
  answer: Span | undefined,
  { maxLength, docStride = strideFor(maxLength), stride: reading = 'advance' }: SpanOptions,
): WindowedIds[] {
  const asked = tokenizer.encodeToIds(question.text).slice(0, questionLength(maxLength));
  const room = maxLength - tokenizer.joinPair(asked, []).ids.length;
  const starts = windowStarts(tokens.ids.length, { room, stride: docStride, reading });
  const flags = maximalContext(tokens.ids.length, starts, room);
  return starts.map((first, index): WindowedIds => {
    const maximal = flags[index]!;
    const count = maximal.length;
    const { ids, typeIds, at } = tokenizer.joinPair(asked, tokens.ids.subarray(first, first + count));
    const whole = answer !== undefined && answer.first >= first && answer.last < first + count;
    const nowhere = ids.indexOf(tokenizer.clsId);
    const [start, end] = whole
      ? [answer.first, answer.last].map((token) => at + token - first)
      : [nowhere, nowhere];
    return {
      ids,
      typeIds,
      window: { question, tokens, first, count, at, maximal, start: start!, end: end! },
    };
  });
}
