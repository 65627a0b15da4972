// Sentiment labels derived again by rule: find the clause that counts, then count its negations.
import { expect, it } from 'vitest';
import { gardenTask } from '../../../src/data/garden/garden.js';
import { opinions } from '../../../src/data/garden/lexicon.js';

function mainClause(text: string): string {
  if (text.startsWith('Although ')) return text.split(', ')[1]!;
  const [first, second] = text.split(', ');
  return second === undefined || second.startsWith('although ') ? first! : second;
}

function isPositive(clause: string): boolean {
  const words = clause.replace('.', '').toLowerCase().split(' ');
  const polarities = (['positive', 'negative'] as const).filter((polarity) => {
    const { adjectives, nouns, feelings } = opinions[polarity];
    const forms = [...adjectives, ...nouns, ...feelings.flatMap(({ base, past }) => [base, past])];
    return words.some((word) => forms.includes(word));
  });
  expect(polarities, clause).toHaveLength(1);
  const negations = words.filter((word) => ['not', 'never', 'hardly', 'nobody'].includes(word));
  return (polarities[0] === 'positive') === (negations.length % 2 === 0);
}

it('is what the main clause says, turned over by its negation', () => {
  const { train, dev } = gardenTask('sentiment', 5, { train: 600, dev: 300 });
  for (const { text, label } of [...train, ...dev]) {
    expect(isPositive(mainClause(text)), text).toBe(label === 1);
  }
  expect(train.filter(({ text }) => text.includes(',')).length).toBeGreaterThan(200);
});
