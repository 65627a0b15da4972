// The scores of SQuAD 1.1 (Rajpurkar et al., 2016), equal to those of its official script: exact match and F1 of words,
// both after normalising, against the reference that suits best. From 0 to 1, as all scores here.
import type { Question } from '../data/squad/question.js';
import { mean } from './statistics.js';

/** White space and word characters as Python has them; the same classes in JavaScript are narrower or wider. */
const SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u;
const ARTICLE = /(?<![\p{L}\p{N}_])(a|an|the)(?![\p{L}\p{N}_])/gu;
const PUNCTUATION = /[!-/:-@[-`{-~]/g;

/** The words of an answer in lower case, without ASCII punctuation, then without articles. */
export const normalisedWords = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(PUNCTUATION, '')
    .replace(ARTICLE, ' ')
    .split(SPACE)
    .filter((word) => word !== '');

/** 1 when both are the same after normalising, otherwise 0. */
export const exactMatch = (prediction: string, reference: string): number =>
  normalisedWords(prediction).join(' ') === normalisedWords(reference).join(' ') ? 1 : 0;

/** Harmonic mean of precision and recall over words with their multiplicity; 0 where none is shared. */
export function wordF1(prediction: string, reference: string): number {
  const [found, wanted] = [normalisedWords(prediction), normalisedWords(reference)];
  const left = [...wanted];
  let shared = 0;
  for (const word of found) {
    const at = left.indexOf(word);
    if (at === -1) continue;
    left.splice(at, 1);
    shared++;
  }
  if (shared === 0) return 0;
  const [precision, recall] = [shared / found.length, shared / wanted.length];
  return (2 * precision * recall) / (precision + recall);
}

type Measure = (prediction: string, reference: string) => number;

const best = (measure: Measure, prediction: string, { answers }: Question): number =>
  Math.max(...answers.map(({ text }) => measure(prediction, text)));

export interface SpanScores {
  readonly f1: number;
  readonly exactMatch: number;
}

/** Mean scores of one prediction per question. Throws EspalierError when there are none. */
export const scoreAnswers = (questions: readonly Question[], predictions: readonly string[]): SpanScores => ({
  f1: mean(questions.map((question, i) => best(wordF1, predictions[i]!, question))),
  exactMatch: mean(questions.map((question, i) => best(exactMatch, predictions[i]!, question))),
});

/** F1 of giving every question the commonest first reference (normalised; of equally common ones the first in order). */
export function majorityF1(questions: readonly Question[]): number {
  const counts = new Map<string, number>();
  for (const { answers } of questions) {
    const text = normalisedWords(answers[0]!.text).join(' ');
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const [commonest] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]!;
  return scoreAnswers(
    questions,
    questions.map(() => commonest),
  ).f1;
}
