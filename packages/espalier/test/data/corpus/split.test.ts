// Held-out text: what is in it, that nothing is in both parts and nothing in neither.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Corpus, splitCorpus } from '../../../src/data/corpus/index.js';
import { UsageError } from '../../../src/errors.js';
import { gardenCorpus, numberedCorpus } from './tiny-corpus.js';

/** Documents as lists of sentences of tokens. */
const unfold = ({ ids, sentences, documents }: Corpus): number[][][] =>
  Array.from(documents.subarray(1), (end, d) =>
    Array.from({ length: end - documents[d]! }, (_, i) => {
      const sentence = documents[d]! + i;
      return [...ids.subarray(sentences[sentence], sentences[sentence + 1])];
    }),
  );

describe('splitCorpus', () => {
  it('holds out the ends of few documents, at the borders of sentences', () => {
    const corpus = numberedCorpus(
      2,
      (document) => 4 + 4 * document,
      () => 2,
    );
    const { train, held } = splitCorpus(corpus, 0.25);
    const all = unfold(corpus);
    expect(unfold(train)).toEqual([all[0]!.slice(0, 3), all[1]!.slice(0, 6)]);
    expect(unfold(held)).toEqual([all[0]!.slice(3), all[1]!.slice(6)]);
    expect(held.vocabSize).toBe(corpus.vocabSize);
    expect(held.specials).toBe(corpus.specials);
  });

  it('holds out whole documents, evenly spaced, where there are enough', () => {
    const corpus = numberedCorpus(
      500,
      (document) => 1 + (document % 3),
      () => 3,
    );
    const { train, held } = splitCorpus(corpus, 0.1);
    const all = unfold(corpus);
    expect(unfold(held)).toEqual(all.filter((_, document) => document % 10 === 9));
    expect(unfold(train)).toEqual(all.filter((_, document) => document % 10 !== 9));
  });

  it('divides the tokens with their marks, whatever the shape', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 9 }), {
          minLength: 1,
          maxLength: 90,
        }),
        fc.double({ min: 0.3, max: 0.7, noNaN: true }),
        (shape, fraction) => {
          const lengths = shape.flat();
          const corpus = numberedCorpus(
            shape.length,
            (d) => shape[d]!.length,
            (s) => lengths[s]!,
          );
          corpus.continues.set(corpus.ids.map((id) => id % 2));
          fc.pre(shape.some((document) => document.length > 3));
          const { train, held } = splitCorpus(corpus, fraction);
          const both = [...train.ids, ...held.ids].sort((a, b) => a - b);
          expect(both).toEqual([...corpus.ids]);
          for (const part of [train, held]) {
            expect([...part.continues]).toEqual([...part.ids].map((id) => id % 2));
            const parts = unfold(part).map((document) => JSON.stringify(document).slice(1, -1));
            const whole = unfold(corpus).map((document) => JSON.stringify(document));
            for (const text of parts) expect(whole.some((document) => document.includes(text))).toBe(true);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('holds out about the fraction', async () => {
    const corpus = await gardenCorpus(600);
    for (const fraction of [0.05, 0.2]) {
      const { held } = splitCorpus(corpus, fraction);
      expect(held.ids.length / corpus.ids.length).toBeGreaterThan(0.8 * fraction);
      expect(held.ids.length / corpus.ids.length).toBeLessThan(1.3 * fraction);
    }
  });

  it('refuses to leave a part empty', () => {
    const numbered = (documents: number) =>
      numberedCorpus(
        documents,
        () => 4,
        () => 2,
      );
    expect(() => splitCorpus(numbered(1), 0.01)).toThrow(UsageError);
    expect(() => splitCorpus(numbered(1), 0.01)).toThrow('leaves nothing to train on');
    expect(() => splitCorpus(numbered(3), 1)).toThrow('leaves nothing to train on');
    expect(splitCorpus(numbered(3), 0.01).held.documents).toHaveLength(2);
  });
});
