// Labels of pairs are derived again from the text alone: paraphrase and similarity by reading both sentences,
// inference by enumerating the worlds in which the text is true.
import { describe, expect, it } from 'vitest';
import { gardenTask } from '../../../src/data/garden/garden.js';
import { plants } from '../../../src/data/garden/lexicon.js';
import { type ReadClaim, readClaim, readGift } from './claim-reader.js';

const sizes = { train: 300, dev: 300 };

describe('paraphrase', () => {
  const { train, dev } = gardenTask('paraphrase', 3, sizes);
  const read = (sentence: string) => readGift(sentence) ?? readClaim(sentence);

  it('is the same exactly when both sentences read the same', () => {
    for (const { text, pair, label } of [...train, ...dev]) {
      const same = JSON.stringify(read(text)) === JSON.stringify(read(pair!));
      expect(same, `${text} / ${pair!}`).toBe(label === 1);
    }
  });

  it('never repeats the sentence, and differs by few words', () => {
    const words = (text: string) => new Set(text.toLowerCase().match(/\w+/g));
    for (const { text, pair } of train) {
      expect(text).not.toBe(pair);
      const [a, b] = [words(text), words(pair!)];
      const shared = [...a].filter((word) => b.has(word)).length;
      expect(shared / Math.min(a.size, b.size), `${text} / ${pair!}`).toBeGreaterThan(0.4);
    }
  });
});

describe('similarity', () => {
  it('counts the details that two sentences share', () => {
    const { train } = gardenTask('similarity', 3, sizes);
    for (const { text, pair, label } of train) {
      const [a, b] = [readClaim(text), readClaim(pair!)];
      const details = ['action', 'plant', 'agent', 'place', 'time'] as const;
      expect(details.filter((detail) => a[detail] === b[detail]).length, `${text} / ${pair!}`).toBe(label);
    }
  });
});

/** Something that happened, down to every detail; 'other' stands for whatever is not mentioned. */
type Happening = Readonly<Record<'agent' | 'plant' | 'place' | 'time', string>>;

const kindOf = (plant: string, kinds: readonly string[]): string =>
  plants.find(({ plural }) => plural === plant)?.kind ?? kinds.find((kind) => plant === `other ${kind}`)!;

/** Every happening of the hypothesis's action that the mentioned details can tell apart. */
function happenings(claims: readonly ReadClaim[]): Happening[] {
  const mentioned = (slot: 'agent' | 'place' | 'time'): string[] => [
    ...new Set([...claims.flatMap((claim) => claim[slot] ?? []), 'other']),
  ];
  const grown = new Set(claims.flatMap(({ plant, kind }) => [plant ?? `other ${kind}`, `other ${kind}`]));
  return mentioned('agent').flatMap((agent) =>
    [...grown].flatMap((plant) =>
      mentioned('place').flatMap((place) => mentioned('time').map((time) => ({ agent, plant, place, time }))),
    ),
  );
}

function isTrue(claim: ReadClaim, world: readonly Happening[]): boolean {
  const fits = (it: Happening): boolean =>
    kindOf(it.plant, [claim.kind]) === claim.kind &&
    (['agent', 'plant', 'place', 'time'] as const).every((slot) =>
      [undefined, it[slot]].includes(claim[slot]),
    );
  return world.some(fits) === claim.holds;
}

describe('inference', () => {
  const { task, train, dev } = gardenTask('inference', 3, sizes);

  it('has the labels that hold in every possible world', () => {
    for (const { text, pair, label } of [...train, ...dev]) {
      const hypothesis = readClaim(pair!);
      const premises = text.match(/[^.]+\./g)!.map((sentence) => readClaim(sentence.trim()));
      // Other actions are independent of this one, and are free to be as the text says.
      const relevant = premises.filter(({ action }) => action === hypothesis.action);
      expect(relevant).toHaveLength(1);
      const events = happenings([...relevant, hypothesis]);
      const worlds: Happening[][] = [[], ...events.map((it) => [it])];
      for (const first of events) for (const second of events) worlds.push([first, second]);
      const outcomes = new Set(
        worlds
          .filter((world) => relevant.every((premise) => isTrue(premise, world)))
          .map((world) => isTrue(hypothesis, world)),
      );
      const derived = outcomes.size === 2 ? 'neutral' : outcomes.has(true) ? 'entailment' : 'contradiction';
      expect(derived, `${text} / ${pair!}`).toBe(task.labels[label]);
    }
  });

  it('leaves out nothing: both kinds of premise occur under every label', () => {
    for (const label of [0, 1, 2]) {
      const claims = train.filter((example) => example.label === label).map(({ pair }) => readClaim(pair!));
      expect(new Set(claims.map(({ holds }) => holds)).size).toBe(2);
    }
  });
});
