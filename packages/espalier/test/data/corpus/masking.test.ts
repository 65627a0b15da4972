// Masks: counts (exact as in Google's code, binomial as in the collator of Hugging Face), what stands at chosen
// positions, whole words, and room in a batch (methods.md F.4).
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchCapacity,
  type Instance,
  maskedExample,
  type MaskingOptions,
  maxPredictionsFor,
  pairInstances,
} from '../../../src/data/corpus/index.js';
import { random } from '../../../src/random.js';
import { CLS, gardenCorpus, MASK, numberedCorpus, OTHER, SEP, writtenCorpus } from './tiny-corpus.js';

const exact: MaskingOptions = { style: 'exact', probability: 0.15, wholeWord: false };
const bernoulli: MaskingOptions = { ...exact, style: 'bernoulli' };

const pair = (aStart: number, aEnd: number, bStart = aEnd, bEnd = aEnd): Instance => ({
  aStart,
  aEnd,
  bStart,
  bEnd,
  isRandom: 0,
});

describe('maskedExample', () => {
  const corpus = numberedCorpus(
    1,
    () => 10,
    () => 100,
  );

  it('lays out [CLS] A [SEP] B [SEP], by hand', () => {
    const { ids, typeIds, positions, targets } = maskedExample(corpus, pair(0, 2, 5, 8), exact, random(1));
    const whole = [CLS, 10, 11, SEP, 15, 16, 17, SEP];
    expect(ids.filter((_, i) => !positions.includes(i))).toEqual(
      Int32Array.from(whole.filter((_, i) => !positions.includes(i))),
    );
    expect([...typeIds]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    expect([...targets]).toEqual([...positions].map((position) => whole[position]));
    const none = { ...bernoulli, probability: 0 };
    expect([...maskedExample(corpus, pair(0, 2, 5, 8), none, random(1)).ids]).toEqual(whole);
    expect([...maskedExample(corpus, pair(3, 5), none, random(1)).ids]).toEqual([CLS, 13, 14, SEP]);
    expect([...maskedExample(corpus, pair(3, 5), none, random(1)).typeIds]).toEqual([0, 0, 0, 0]);
  });

  it('lays out A [SEP] B [SEP] [CLS] where padding stands on the left', () => {
    const none = { ...bernoulli, probability: 0 };
    const layout = (instance: Instance) => maskedExample(corpus, instance, none, random(1), 'left');
    expect([...layout(pair(0, 2, 5, 8)).ids]).toEqual([10, 11, SEP, 15, 16, 17, SEP, CLS]);
    expect([...layout(pair(0, 2, 5, 8)).typeIds]).toEqual([0, 0, 0, 1, 1, 1, 1, 2]);
    expect([...layout(pair(3, 5)).ids]).toEqual([13, 14, SEP, CLS]);
    expect([...layout(pair(3, 5)).typeIds]).toEqual([0, 0, 0, 2]);
    const { ids, positions, targets } = maskedExample(corpus, pair(0, 60), exact, random(1), 'left');
    expect(ids.slice(-2)).toEqual(Int32Array.of(SEP, CLS));
    expect([...targets]).toEqual([...positions].map((position) => 10 + position));
  });

  it.each([
    [3, undefined, 1], // 0.45 rounds to 0; at least one
    [10, undefined, 2], // 1.5: halves go up
    [64, undefined, 10], // 9.6
    [128, undefined, 19], // 19.2
    [128, 20, 19],
    [128, 12, 12],
    [512, undefined, 77], // 76.8
    [512, 20, 20],
  ])('exact: of %i tokens, at most %s, chooses %i', (length, maxPredictions, count) => {
    const masking = { ...exact, ...(maxPredictions !== undefined && { maxPredictions }) };
    for (let i = 0; i < 5; i++) {
      const instance = pair(7, 7 + length - 2);
      expect(maskedExample(corpus, instance, masking, random(i)).positions.length).toBe(count);
    }
    expect(maxPredictionsFor(length, masking)).toBe(count);
    expect(batchCapacity(4, length, masking)).toBe(4 * count);
  });

  it('chooses distinct ascending positions, never special ones, and keeps the rest', () => {
    const text = [[OTHER, 10, 11, MASK, 12, OTHER, 13]];
    const special = writtenCorpus([text]);
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(exact, bernoulli), fc.boolean(), (seed, style, wholeWord) => {
        const masking = { ...style, wholeWord, probability: 0.9 };
        const { ids, positions, targets } = maskedExample(special, pair(0, 4, 4, 7), masking, random(seed));
        const whole = [CLS, ...text[0]!.slice(0, 4), SEP, ...text[0]!.slice(4), SEP];
        expect([...positions]).toEqual([...new Set(positions)].sort((a, b) => a - b));
        for (const position of positions) expect([2, 3, 6, 8]).toContain(position);
        expect([...targets]).toEqual([...positions].map((position) => whole[position]));
        for (const [i, id] of ids.entries()) if (!positions.includes(i)) expect(id).toBe(whole[i]);
      }),
    );
    const crowded = { ...exact, probability: 1 };
    expect([...maskedExample(special, pair(0, 4, 4, 7), crowded, random(0)).positions]).toEqual([2, 3, 6, 8]);
    expect(maskedExample(writtenCorpus([[[OTHER]]]), pair(0, 1), exact, random(0)).positions.length).toBe(0);
  });

  it.each([
    ['exact', exact],
    ['bernoulli', bernoulli],
  ])('%s: 80 %% [MASK], 10 %% unchanged, 10 %% any entry; every position as often', (_, masking) => {
    const generator = random(5, 'masking');
    const runs = 4000;
    const length = 100;
    const counts = { mask: 0, same: 0, other: 0 };
    const at = new Array<number>(length).fill(0);
    const others: number[] = [];
    let squares = 0;
    for (let i = 0; i < runs; i++) {
      const { ids, positions, targets } = maskedExample(corpus, pair(0, length - 2), masking, generator);
      squares += positions.length ** 2;
      for (const [k, position] of positions.entries()) {
        at[position]!++;
        if (ids[position] === MASK) counts.mask++;
        else if (ids[position] === targets[k]) counts.same++;
        else others.push(ids[position]!);
      }
    }
    counts.other = others.length;
    const total = counts.mask + counts.same + counts.other;
    // Among 98 candidates: 15 of 100 tokens (exact), or 0.15 each (bernoulli).
    const rate = masking === exact ? 15 / 98 : 0.15;
    const deviation = (observed: number, n: number, p: number): number =>
      Math.abs(observed - n * p) / Math.sqrt(n * p * (1 - p));
    expect(deviation(total, runs * 98, rate)).toBeLessThan(4);
    expect(deviation(counts.mask, total, 0.8 + 0.1 / 1000)).toBeLessThan(4);
    expect(deviation(counts.same, total, 0.1 + 0.1 / 1000)).toBeLessThan(4);
    for (const count of at.slice(1, -1)) expect(deviation(count, runs, rate)).toBeLessThan(5);
    expect([at[0], at[length - 1]]).toEqual([0, 0]);
    // Uniform over the vocabulary of 1000: thirds, and the ends are reached.
    for (const third of [0, 1, 2]) {
      const inside = others.filter((id) => id >= (third * 999) / 3 && id < ((third + 1) * 999) / 3).length;
      expect(deviation(inside, others.length, 1 / 3)).toBeLessThan(4.5);
    }
    expect(Math.min(...others)).toBeLessThan(10);
    expect(Math.max(...others)).toBeGreaterThan(990);
    const variance = squares / runs - (total / runs) ** 2;
    if (masking === exact) expect(variance).toBeCloseTo(0, 6);
    else expect(Math.abs(variance / (98 * 0.15 * 0.85) - 1)).toBeLessThan(0.1);
  });

  it('chooses whole words or none of a word, and no more than the count', () => {
    const words = [[10], [11, -12], [13, -14, -15], [16], [17, -18], [19]];
    const written = writtenCorpus([[words.flat()]]);
    const groups = [[1], [2, 3], [4, 5, 6], [7], [8, 9], [10]];
    const sizes = new Set<number>();
    for (let seed = 0; seed < 300; seed++) {
      for (const style of [exact, bernoulli]) {
        const masking = { ...style, wholeWord: true, probability: 0.3 }; // 0.3 * 12 tokens: 4
        const { positions } = maskedExample(written, pair(0, 10), masking, random(seed));
        for (const group of groups) {
          const inside = group.filter((position) => positions.includes(position)).length;
          expect([0, group.length]).toContain(inside);
        }
        if (style === exact) sizes.add(positions.length);
      }
    }
    // Words that would exceed the count are passed over; after the three short ones, none fits any more.
    expect([...sizes].sort()).toEqual([3, 4]);
  });

  it('leaves the count unfilled where no word fits', () => {
    const written = writtenCorpus([
      [
        [10, -11, -12],
        [13, -14, -15],
      ],
    ]);
    const masking = { ...exact, wholeWord: true, probability: 0.25 }; // 0.25 * 8 tokens: 2
    expect(maskedExample(written, pair(0, 6), masking, random(0)).positions.length).toBe(0);
  });

  it('does not join words over [SEP], special tokens and cut beginnings', () => {
    const written = writtenCorpus([[[10, -11, OTHER, -12, 13, -14]]]);
    const masking = { ...bernoulli, wholeWord: true, probability: 0.5 };
    const apart = { sep: false, special: false };
    for (let seed = 0; seed < 60; seed++) {
      // [CLS] 10 11 other 12 [SEP] -14 [SEP]: position 6 continues nothing.
      const { positions } = maskedExample(written, pair(0, 4, 5, 6), masking, random(seed));
      apart.sep ||= positions.includes(6) && !positions.includes(4);
      apart.special ||= positions.includes(4) && !positions.includes(2);
      expect(positions.includes(1)).toBe(positions.includes(2));
    }
    expect(apart).toEqual({ sep: true, special: true });
  });

  it('depends on the generator alone, and differs from draw to draw', async () => {
    const garden = await gardenCorpus(10);
    const instance = pairInstances(garden, { maxLength: 64, seed: 0, epoch: 0, nsp: true }).get(3);
    const generator = random(9, 'epoch', 0);
    const first = maskedExample(garden, instance, exact, generator);
    expect(maskedExample(garden, instance, exact, generator)).not.toEqual(first);
    expect(maskedExample(garden, instance, exact, random(9, 'epoch', 0))).toEqual(first);
  });
});

describe('room in a batch', () => {
  it('holds every batch of exact masks, and of Bernoulli masks with six deviations', async () => {
    const garden = await gardenCorpus(150);
    const instances = pairInstances(garden, { maxLength: 48, seed: 0, epoch: 0, nsp: true });
    for (const style of [exact, bernoulli]) {
      for (const wholeWord of [false, true]) {
        const masking = { ...style, wholeWord };
        const generator = random(1);
        for (let start = 0; start + 8 <= instances.count; start += 8) {
          let positions = 0;
          for (let i = start; i < start + 8; i++) {
            const found = maskedExample(garden, instances.get(i), masking, generator).positions.length;
            expect(found).toBeLessThanOrEqual(maxPredictionsFor(48, masking));
            positions += found;
          }
          expect(positions).toBeLessThanOrEqual(batchCapacity(8, 48, masking));
        }
      }
    }
  });

  it('is mean and deviations by hand, and never more than the tokens', () => {
    // 32 x 128 = 4096 tokens: mean 614.4, sigma sqrt(4096 * 0.15 * 0.85) = 22.853
    expect(batchCapacity(32, 128, bernoulli)).toBe(752);
    expect(batchCapacity(32, 128, { ...bernoulli, wholeWord: true })).toBe(889);
    expect(batchCapacity(1, 8, bernoulli)).toBe(6);
  });
});
