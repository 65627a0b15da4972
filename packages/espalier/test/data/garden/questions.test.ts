// Spans are exact, and the answers are the ones a reader would give: derived again from the context by rule.
import { describe, expect, it } from 'vitest';
import { gardenQuestions } from '../../../src/data/garden/garden.js';
import { actions, people, places, plants, times } from '../../../src/data/garden/lexicon.js';

const sizes = { train: 400, dev: 100 };
const { train, dev } = gardenQuestions(2, sizes);
const paragraphs = [...train.data, ...dev.data].flatMap((article) => article.paragraphs);
const asked = paragraphs.flatMap(({ context, qas }) => qas.map((qa) => ({ context, ...qa })));

const sentencesOf = (context: string): string[] => context.match(/[^.]+\./g)!.map((it) => it.trim());
const within = (text: string, words: readonly string[]): string | undefined =>
  words.find((word) => new RegExp(`\\b${word}\\b`, 'i').test(text));

const verbs = actions.flatMap((action) => action.verbs);
const plurals = plants.map(({ plural }) => plural);
const colours = plants.map(({ colour }) => colour);
const names = people.map(({ name }) => name);
const tools = actions.map(({ tool }) => tool);

/** The sentence in which the plants of the question are worked on, in any form of its verb. */
function workOn(context: string, question: string): string {
  const plant = within(question, plurals);
  const name = within(question, names);
  return sentencesOf(context).find(
    (it) =>
      / with the /.test(it) &&
      (plant === undefined || it.includes(plant)) &&
      (name === undefined || it.includes(name)) &&
      verbs.some(({ past, participle, base }) => {
        const inQuestion = within(question, [past, base]) !== undefined;
        return inQuestion && within(it, [past, participle]) !== undefined;
      }),
  )!;
}

/** What a reader answers; letter case aside. */
function answerByRule(context: string, question: string): string | undefined {
  const sentences = sentencesOf(context);
  const plant = within(question, plurals);
  const planted = sentences.find((it) => plant !== undefined && it.includes(plant) && within(it, places));
  if (question.startsWith('What colour')) return within(planted!, colours);
  if (question.startsWith('Where')) return within(planted!, places);
  if (question.startsWith('In which season'))
    return within(
      sentences[0]!,
      plants.map(({ season }) => season),
    );
  if (question.startsWith('Who came')) return within(sentences[0]!, names);
  if (question.startsWith('When')) return within(workOn(context, question), times);
  if (question.startsWith('With what')) return within(workOn(context, question), tools);
  if (question.startsWith('What did')) return within(workOn(context, question), plurals);
  if (question.startsWith('Which tool')) {
    return /(?:fetched|took|looked for) the (\w+)/.exec(context)?.[1];
  }
  if (question.startsWith('Which')) {
    const harm = /^Which \w+ (.*)\?$/.exec(question)![1]!;
    return new RegExp(`(\\w+) ${harm}`).exec(context)?.[1];
  }
  if (question.startsWith('Who was with')) {
    return names.find((name) => context.includes(name) && !question.includes(name));
  }
  return question.startsWith('Who') ? within(workOn(context, question), names) : undefined;
}

describe('gardenQuestions', () => {
  it('is a pure function of its arguments', () => {
    expect(gardenQuestions(2, sizes)).toEqual({ train, dev });
    expect(gardenQuestions(3, sizes).dev).not.toEqual(dev);
    expect(gardenQuestions(2, { train: 1, dev: 100 }).dev).toEqual(dev);
  });

  it('has as many questions as asked for, ids of their own, and no context in both splits', () => {
    const questionsIn = (file: typeof train) =>
      file.data.flatMap((it) => it.paragraphs.flatMap(({ qas }) => qas));
    expect(questionsIn(train)).toHaveLength(sizes.train);
    expect(questionsIn(dev)).toHaveLength(sizes.dev);
    expect(new Set(asked.map(({ id }) => id)).size).toBe(sizes.train + sizes.dev);
    expect(new Set(paragraphs.map(({ context }) => context)).size).toBe(paragraphs.length);
  });

  it('has exact spans', () => {
    for (const { context, answers } of asked) {
      expect(answers).toHaveLength(1);
      const { text, answer_start } = answers[0]!;
      expect(text).not.toBe('');
      expect(context.slice(answer_start, answer_start + text.length)).toBe(text);
      expect(context.slice(answer_start - 1, answer_start)).toMatch(/^ ?$/);
      expect(context.charAt(answer_start + text.length)).toMatch(/[ ,.]/);
    }
  });

  it('has the answers of a reader', () => {
    for (const { context, question, answers } of asked) {
      const answer = answerByRule(context, question);
      expect(answers[0]!.text.toLowerCase(), `${question} ${context}`).toBe(answer?.toLowerCase());
    }
  });
});
