// A recogniser of the sentences that are acceptable, written as a grammar of its own: it accepts every acceptable
// sentence and no other.
import { describe, expect, it } from 'vitest';
import { gardenTask } from '../../../src/data/garden/garden.js';
import {
  actions,
  landmarks,
  looks,
  plants,
  prepositions,
  workers,
} from '../../../src/data/garden/lexicon.js';

const verbs = actions.flatMap((action) => action.verbs);
const oneOf = (words: readonly string[]): string => `(?:${words.join('|')})`;

const adjective = `(?:${oneOf(looks)} )?`;
const where = `(?: ${oneOf(prepositions)} the ${oneOf(landmarks.flatMap((it) => [it.singular, it.plural]))})?`;
const phrase = (nouns: readonly { singular: string; plural: string }[], number: 'singular' | 'plural') => {
  const rest = `${adjective}${oneOf(nouns.map((noun) => noun[number]))}`;
  if (number === 'plural') return `(?:the|these|many|few) ${rest}`;
  return `(?:(?:the|this|every) ${rest}|a (?![aeiou])${rest}|an (?=[aeiou])${rest})`;
};
const object = `(?:${phrase(plants, 'singular')}|${phrase(plants, 'plural')})`;
const quality = oneOf([...looks, ...new Set(plants.map(({ colour }) => colour))]);

const clauses = (number: 'singular' | 'plural'): string[] => {
  const [be, have] = number === 'singular' ? ['is', 'has'] : ['are', 'have'];
  const finite = oneOf(verbs.map((verb) => (number === 'singular' ? verb.third : verb.base)));
  const does = [
    `${finite} ${object}`,
    `${have} ${oneOf(verbs.map(({ participle }) => participle))} ${object}`,
    `will ${oneOf(verbs.map(({ base }) => base))} ${object}`,
  ];
  return [
    `${phrase(plants, number)}${where} ${be} ${quality}`,
    `${phrase(workers, number)}${where} ${oneOf(does)}`,
  ];
};
const grammar = new RegExp(`^${oneOf([...clauses('singular'), ...clauses('plural')])}$`);

const accepts = (text: string): boolean =>
  /^[A-Z][^.]*\.$/.test(text) && grammar.test(text.charAt(0).toLowerCase() + text.slice(1, -1));

describe('acceptability', () => {
  it('the recogniser knows sentences from mistakes', () => {
    expect(accepts('These tall roses by the gate are red.')).toBe(true);
    expect(accepts('An early child has cut the beans.')).toBe(true);
    expect(accepts('These tall roses by the gate is red.')).toBe(false);
    expect(accepts('A early child has cut the beans.')).toBe(false);
    expect(accepts('Roses the are red.')).toBe(false);
  });

  it('acceptable sentences pass, unacceptable ones fail', () => {
    const { train, dev } = gardenTask('acceptability', 5, { train: 900, dev: 300 });
    for (const { text, label } of [...train, ...dev]) expect(accepts(text), text).toBe(label === 1);
  });
});
