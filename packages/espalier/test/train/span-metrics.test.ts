// Scores of answers against SQuAD 1.1's rules as scripts/squad_goldens.py has them, and what holds for any answers.
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Question } from '../../src/data/squad/question.js';
import { exactMatch, majorityF1, scoreAnswers, wordF1 } from '../../src/train/span-metrics.js';
import { fixture } from '../support/golden.js';

const scores = { exactMatch: z.number(), f1: z.number() };
const { cases, ...totals } = z
  .object({
    cases: z.array(z.object({ prediction: z.string(), answers: z.array(z.string()), ...scores })),
    ...scores,
  })
  .parse(JSON.parse(readFileSync(fixture('squad-scores.json'), 'utf8')));

const asked = (answers: readonly string[], id = 'q'): Question => ({
  ...{ id, text: '', context: '' },
  answers: answers.map((text) => ({ text, start: 0 })),
});

describe('scores', () => {
  it.each(cases)('of "$prediction" against $answers', ({ prediction, answers, exactMatch: match, f1 }) => {
    const found = scoreAnswers([asked(answers)], [prediction]);
    expect(found.exactMatch).toBe(match);
    expect(Math.abs(found.f1 - f1)).toBeLessThan(1e-12);
  });

  it('are means over the questions', () => {
    const found = scoreAnswers(
      cases.map(({ answers }) => asked(answers)),
      cases.map(({ prediction }) => prediction),
    );
    expect(found.exactMatch).toBeCloseTo(totals.exactMatch, 12);
    expect(found.f1).toBeCloseTo(totals.f1, 12);
  });

  it('have the golden values of the two worked examples', () => {
    expect(exactMatch('The Denver Broncos', 'Denver Broncos!')).toBe(1);
    expect(wordF1('in 1867 at Paris', '1867')).toBeCloseTo(0.4, 12);
  });

  it('of any text with itself are 1, unless nothing of it is left; F1 does not mind the order of its sides', () => {
    const words = fc.array(fc.constantFrom('the', 'a', 'x', 'y.', 'É', '-', '1,0'), { maxLength: 6 });
    fc.assert(
      fc.property(words, words, (one, other) => {
        const [a, b] = [one.join(' '), other.join(' ')];
        expect(exactMatch(a, a)).toBe(1);
        expect(wordF1(a, a)).toBe(one.some((word) => /[xyÉ1]/.test(word)) ? 1 : 0);
        expect(wordF1(a, b)).toBeCloseTo(wordF1(b, a), 12);
        if (exactMatch(a, b) === 1 && wordF1(a, a) === 1) expect(wordF1(a, b)).toBe(1);
      }),
    );
  });
});

it('the majority score is that of the commonest first answer, of equally common ones the first in order', () => {
  const questions = [asked(['Paris', 'x']), asked(['the Paris!']), asked(['in Rome'])];
  expect(majorityF1(questions)).toBeCloseTo(2 / 3, 12);
  expect(majorityF1([asked(['b c']), asked(['a1 c'])])).toBeCloseTo((1 + 0.5) / 2, 12);
});
