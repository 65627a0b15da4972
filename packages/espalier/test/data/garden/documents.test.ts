// Documents keep their world: plants their colour and season, tools their task, people their pronouns, and verbs
// agree. Checked on the text against the lexicon.
import { describe, expect, it } from 'vitest';
import { gardenDocuments } from '../../../src/data/garden/garden.js';
import { actions, people, places, plants } from '../../../src/data/garden/lexicon.js';

const documents = gardenDocuments(7, 150);
const colours = [...new Set(plants.map(({ colour }) => colour))];
const has = (sentence: string, word: string): boolean => new RegExp(`\\b${word}\\b`, 'i').test(sentence);
const plantsOf = (text: string) => plants.filter((it) => has(text, it.plural) || has(text, it.singular));

describe('gardenDocuments', () => {
  it('depends on seed and index alone', () => {
    expect(gardenDocuments(7, 150)).toEqual(documents);
    expect(gardenDocuments(7, 3)).toEqual(documents.slice(0, 3));
    expect(gardenDocuments(8, 3)).not.toEqual(documents.slice(0, 3));
  });

  it('is sentences, enough of them for next-sentence prediction, and never the same document', () => {
    for (const document of documents) {
      expect(document.length).toBeGreaterThanOrEqual(10);
      expect(document.length).toBeLessThanOrEqual(16);
      for (const sentence of document) expect(sentence).toMatch(/^[A-Z][A-Za-z ,]+\.$/);
    }
    expect(new Set(documents.map((document) => document.join(' '))).size).toBe(documents.length);
  });

  it('has two plants, both of the season, and two people', () => {
    for (const document of documents) {
      const text = document.join(' ');
      const season = ['spring', 'summer', 'autumn', 'winter'].find((it) => has(document[0]!, it));
      expect(
        plantsOf(text).map((it) => it.season),
        text,
      ).toEqual([season, season]);
      expect(
        people.filter(({ name }) => has(text, name)),
        text,
      ).toHaveLength(2);
    }
  });

  it('gives a plant its own colour, and one place', () => {
    for (const sentence of documents.flat()) {
      const named = colours.filter((colour) => has(sentence, colour));
      if (named.length > 0) expect(named, sentence).toEqual([plantsOf(sentence)[0]!.colour]);
    }
    for (const document of documents) {
      const placed = places.filter((place) => has(document.join(' '), place));
      expect(placed, document.join(' ')).toHaveLength(2);
    }
  });

  it('uses the tool that fits the task', () => {
    const forms = (action: (typeof actions)[number]) =>
      action.verbs.flatMap(({ past, participle }) => [past, participle]);
    const working = documents.flat().filter((sentence) => / with the \w+/.test(sentence));
    expect(working.length).toBeGreaterThanOrEqual(2 * documents.length);
    for (const sentence of working) {
      const action = actions.find((it) => forms(it).some((form) => has(sentence, form)))!;
      expect(sentence).toContain(` with the ${action.tool}`);
      expect(action.kinds, sentence).toContain(plantsOf(sentence)[0]!.kind);
    }
  });

  it('cures what is wrong with the tool that was fetched', () => {
    for (const document of documents) {
      const fetched = document.findIndex((sentence) => /fetched the|took the|looked for the/.test(sentence));
      const tool = /(?:fetched|took|looked for) the (\w+)/.exec(document[fetched]!)![1]!;
      expect(document[fetched + 1]).toContain(`with the ${tool}`);
      expect(plantsOf(document[fetched + 1]!)).toEqual(plantsOf(document[fetched - 1]!));
    }
  });

  it('makes verbs agree with plants', () => {
    const oneOf = (words: readonly string[]): string => `\\b(${words.join('|')})`;
    const [one, many] = [plants.map(({ singular }) => singular), plants.map(({ plural }) => plural)];
    const wrong = new RegExp(`${oneOf(many)} (is|was|has)\\b|${oneOf(one)} (are|were|have)\\b`, 'i');
    for (const sentence of documents.flat()) expect(sentence).not.toMatch(wrong);
  });

  it('says he and she of the person named last', () => {
    for (const document of documents) {
      const text = document.join(' ');
      for (const { 0: word, index } of text.matchAll(/\b(he|she)\b/gi)) {
        const before = people.map((person) => ({ person, at: text.lastIndexOf(person.name, index) }));
        const last = before.reduce((a, b) => (b.at > a.at ? b : a));
        expect(last.person.pronoun, text).toBe(word.toLowerCase());
      }
    }
  });
});
