// Sequences of an epoch, by their definition (methods.md F.5): lengths, true and random continuations, sentences put
// back, how often B is random, and that all of it is a function of the arguments.
import { describe, expect, it } from 'vitest';
import { type Corpus, type Instance, type Instances, pairInstances } from '../../../src/data/corpus/index.js';
import { UsageError } from '../../../src/errors.js';
import { gardenCorpus, numberedCorpus, writtenCorpus } from './tiny-corpus.js';

const options = { maxLength: 64, seed: 1, epoch: 0, nsp: true } as const;

const all = (instances: Instances): Instance[] =>
  Array.from({ length: instances.count }, (_, index) => instances.get(index));

/** Index of the document that holds a token. */
function documentOf({ sentences, documents }: Corpus, token: number): number {
  return documents.findIndex(
    (first, d) =>
      d + 1 < documents.length && sentences[documents[d + 1]!]! > token && sentences[first]! <= token,
  );
}

const uses = (corpus: Corpus, list: readonly Instance[]): number[] => {
  const counts = Array.from(corpus.ids, () => 0);
  for (const { aStart, aEnd, bStart, bEnd, isRandom } of list) {
    for (let token = aStart; token < aEnd; token++) counts[token]!++;
    if (isRandom === 0) for (let token = bStart; token < bEnd; token++) counts[token]!++;
  }
  return counts;
};

describe('pairs', () => {
  it('fit, are not empty, and stay in their documents', async () => {
    const corpus = await gardenCorpus(200);
    for (const maxLength of [5, 16, 64, 128]) {
      for (const { aStart, aEnd, bStart, bEnd, isRandom } of all(
        pairInstances(corpus, { ...options, maxLength }),
      )) {
        expect(aEnd - aStart + bEnd - bStart + 3).toBeLessThanOrEqual(maxLength);
        expect(aEnd).toBeGreaterThan(aStart);
        expect(bEnd).toBeGreaterThan(bStart);
        const document = documentOf(corpus, aStart);
        expect(documentOf(corpus, aEnd - 1)).toBe(document);
        expect(documentOf(corpus, bStart) === document).toBe(isRandom === 0);
        expect(documentOf(corpus, bEnd - 1)).toBe(documentOf(corpus, bStart));
      }
    }
  });

  it('have a B that follows A unless it is random', async () => {
    const corpus = await gardenCorpus(200);
    const starts = new Set(corpus.sentences);
    let adjoining = 0;
    const list = all(pairInstances(corpus, options)).filter(({ isRandom }) => isRandom === 0);
    for (const { aEnd, bStart } of list) {
      // Truncation may part them: tokens go from the back of A or the front of B.
      expect(bStart).toBeGreaterThanOrEqual(aEnd);
      if (bStart === aEnd) {
        adjoining++;
        expect(starts.has(bStart)).toBe(true);
      }
    }
    expect(adjoining).toBeGreaterThan(0.25 * list.length);
  });

  it('use every token of the documents once, as A or as a true B: what a random B replaces is put back', () => {
    // Sentences of one token fill every target exactly, so that nothing is truncated.
    const corpus = numberedCorpus(
      7,
      (document) => 1 + 40 * document,
      () => 1,
    );
    const instances = pairInstances(corpus, options);
    expect(instances.randomFraction).toBeGreaterThan(0.3);
    expect(new Set(uses(corpus, all(instances)))).toEqual(new Set([1]));
  });

  it('use tokens about once where sentences are long', async () => {
    const corpus = await gardenCorpus(300);
    const counts = uses(corpus, all(pairInstances(corpus, options)));
    expect(Math.max(...counts)).toBe(1);
    const used = counts.reduce((a, b) => a + b, 0) / counts.length;
    expect(used).toBeGreaterThan(0.8);
  });

  it('cut one sentence from the other, in documents of two: the only pairs there are', () => {
    const corpus = writtenCorpus([
      [[10, 11], [12]],
      [[20], [21, 22]],
    ]);
    const seen = new Set<string>();
    for (let epoch = 0; epoch < 200; epoch++) {
      const list = all(pairInstances(corpus, { ...options, epoch, shortProbability: 0 }));
      for (const { aStart, aEnd, bStart, bEnd, isRandom } of list) {
        const text = (start: number, end: number): string => corpus.ids.subarray(start, end).join(' ');
        seen.add(`${text(aStart, aEnd)} | ${text(bStart, bEnd)} | ${isRandom}`);
      }
    }
    expect([...seen].sort()).toEqual(
      [
        '10 11 | 12 | 0',
        '10 11 | 20 21 22 | 1',
        '10 11 | 21 22 | 1',
        '12 | 20 21 22 | 1', // put back, then alone and so random
        '12 | 21 22 | 1',
        '20 | 21 22 | 0',
        '20 | 10 11 12 | 1',
        '20 | 12 | 1',
        '21 22 | 10 11 12 | 1',
        '21 22 | 12 | 1',
      ].sort(),
    );
  });

  it('are cut behind any sentence but the last, each as often', () => {
    const corpus = numberedCorpus(
      2000,
      () => 4,
      () => 1,
    );
    const list = all(pairInstances(corpus, { ...options, shortProbability: 0 }));
    const kept = list.filter(({ aStart, isRandom }) => aStart % 4 === 0 && isRandom === 0);
    for (const length of [1, 2, 3]) {
      const share = kept.filter(({ aStart, aEnd }) => aEnd - aStart === length).length / kept.length;
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.06);
    }
  });

  it('are random half of the time, more often where chunks have one sentence, and say how often', async () => {
    const many = pairInstances(
      numberedCorpus(
        50,
        () => 400,
        () => 3,
      ),
      { ...options, maxLength: 128 },
    );
    expect(many.count).toBeGreaterThan(500);
    expect(Math.abs(many.randomFraction - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / many.count) + 0.03);
    const flags = all(many).reduce((sum, { isRandom }) => sum + isRandom, 0);
    expect(many.randomFraction).toBe(flags / many.count);
    const single = pairInstances(
      numberedCorpus(
        50,
        () => 1,
        () => 20,
      ),
      options,
    );
    expect(single.randomFraction).toBe(1);
    const garden = pairInstances(await gardenCorpus(300), options);
    expect(garden.randomFraction).toBeGreaterThan(0.5);
    expect(garden.randomFraction).toBeLessThan(0.75);
  });

  it('fill the length, but for the share of short ones and the ends of documents', () => {
    const corpus = numberedCorpus(
      20,
      () => 2000,
      () => 1,
    );
    const share = (shortProbability: number): number => {
      const list = all(pairInstances(corpus, { ...options, maxLength: 33, shortProbability }));
      return list.filter((it) => it.aEnd - it.aStart + it.bEnd - it.bStart === 30).length / list.length;
    };
    expect(share(0)).toBeGreaterThan(0.96);
    expect(share(1)).toBeLessThan(0.1);
    const usual = share(0.1);
    expect(usual).toBeGreaterThan(0.8);
    expect(usual).toBeLessThan(0.93);
  });

  it('cut long sentences at both ends, from the longer side', () => {
    const corpus = numberedCorpus(
      2,
      () => 40,
      () => 100,
    );
    const list = all(pairInstances(corpus, { ...options, shortProbability: 0 }));
    const starts = new Set(corpus.sentences);
    for (const { aStart, aEnd, bStart, bEnd } of list) {
      expect([aEnd - aStart, bEnd - bStart].sort()).toEqual([30, 31]);
    }
    const front = list.filter(({ aStart }) => !starts.has(aStart)).length;
    const back = list.filter(({ aEnd }) => !starts.has(aEnd)).length;
    expect([front, back]).toEqual([list.length, list.length]);
  });

  it('take a random B from far away where there is one document', () => {
    const corpus = numberedCorpus(
      1,
      () => 3000,
      () => 5,
    );
    const list = all(pairInstances(corpus, options)).filter(({ isRandom }) => isRandom === 1);
    expect(list.length).toBeGreaterThan(50);
    for (const { aStart, bStart } of list) expect(Math.abs(aStart - bStart)).toBeGreaterThan(3 * 61);
    // A text too short for that: the farther end, never the sentence itself.
    const short = numberedCorpus(
      1,
      () => 6,
      () => 1,
    );
    for (let epoch = 0; epoch < 40; epoch++) {
      for (const { aStart, bStart, isRandom } of all(
        pairInstances(short, { ...options, maxLength: 6, epoch }),
      )) {
        if (isRandom === 1) expect(bStart).toBe(aStart < 3 ? 5 : 0);
      }
    }
  });
});

describe('single segments', () => {
  const single = { ...options, nsp: false } as const;

  it('use every token once, B empty, full sentences of one document up to the length', async () => {
    const corpus = await gardenCorpus(200);
    const instances = pairInstances(corpus, { ...single, shortProbability: 0 });
    const list = all(instances);
    expect(new Set(uses(corpus, list))).toEqual(new Set([1]));
    expect(instances.randomFraction).toBe(0);
    const starts = new Set(corpus.sentences);
    const next = new Map(list.map((it) => [it.aStart, it]));
    for (const { aStart, aEnd, bStart, bEnd } of list) {
      expect(bEnd).toBe(bStart);
      expect(aEnd - aStart).toBeLessThanOrEqual(62);
      expect(starts.has(aStart) && starts.has(aEnd)).toBe(true);
      expect(documentOf(corpus, aStart)).toBe(documentOf(corpus, aEnd - 1));
      const more = next.get(aEnd);
      if (more && documentOf(corpus, more.aStart) === documentOf(corpus, aStart)) {
        const sentence = corpus.sentences.indexOf(aEnd);
        expect(corpus.sentences[sentence + 1]! - aStart).toBeGreaterThan(62);
      }
    }
  });

  it('cut what is longer than a sequence', () => {
    const corpus = writtenCorpus([[Array.from({ length: 10 }, (_, i) => 10 + i), [30], [31, 32, 33]]]);
    const list = all(pairInstances(corpus, { ...single, maxLength: 6, shortProbability: 0 }));
    const spans = list.map(({ aStart, aEnd }) => [aStart, aEnd]).sort((a, b) => a[0]! - b[0]!);
    expect(spans).toEqual([
      [0, 4],
      [4, 8],
      [8, 11],
      [11, 14],
    ]);
  });

  it('use every token once with short targets too, and differ from epoch to epoch', async () => {
    const corpus = await gardenCorpus(50);
    const [first, second] = [0, 1].map((epoch) =>
      all(pairInstances(corpus, { ...single, epoch, shortProbability: 0.5 })),
    );
    expect(new Set(uses(corpus, first!))).toEqual(new Set([1]));
    const spans = (list: readonly Instance[]): string[] => list.map((it) => `${it.aStart} ${it.aEnd}`).sort();
    expect(spans(first!)).not.toEqual(spans(second!));
  });
});

describe('pairInstances', () => {
  it('is a function of its arguments', async () => {
    const corpus = await gardenCorpus(30);
    const once = all(pairInstances(corpus, options));
    expect(all(pairInstances(corpus, options))).toEqual(once);
    expect(all(pairInstances(corpus, { ...options, shortProbability: 0.1 }))).toEqual(once);
    expect(all(pairInstances(corpus, { ...options, epoch: 1 }))).not.toEqual(once);
    expect(all(pairInstances(corpus, { ...options, seed: 2 }))).not.toEqual(once);
  });

  it('shuffles: neighbours in the text are none in the epoch', async () => {
    const list = all(pairInstances(await gardenCorpus(200), options));
    const rising = list.filter((it, i) => i > 0 && it.aStart > list[i - 1]!.aStart).length;
    expect(Math.abs(rising / list.length - 0.5)).toBeLessThan(0.1);
  });

  it('refuses what it cannot do', async () => {
    const corpus = await gardenCorpus(2);
    expect(() => pairInstances(corpus, { ...options, maxLength: 4 })).toThrow(UsageError);
    expect(() => pairInstances(corpus, { ...options, maxLength: 3, nsp: false })).toThrow('from 4, found 3');
    expect(() =>
      pairInstances(
        numberedCorpus(
          1,
          () => 1,
          () => 9,
        ),
        options,
      ),
    ).toThrow('at least two sentences');
    expect(() => pairInstances(corpus, options).get(1e6)).toThrow(RangeError);
  });
});
