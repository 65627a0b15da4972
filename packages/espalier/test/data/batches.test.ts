// Invariants of epochs and batches, as properties.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochBatches, makeBatch, tokenizeExamples } from '../../src/data/batches.js';
import type { Example } from '../../src/data/example.js';
import { limitExamples, splitTrain } from '../../src/data/splits.js';
import { loadTokenizer } from '../../src/data/tokenizer.js';
import { UsageError } from '../../src/errors.js';

const maxLength = 100;

/** An example with distinct ids, so that misplaced tokens show. */
const example = (index: number, length: number): Example => ({
  index,
  ids: Int32Array.from({ length }, (_, token) => 1 + index * 1000 + token),
  typeIds: Uint8Array.from({ length }, (_, token) => token % 2),
  label: index % 2,
});

const lengths = fc.array(fc.integer({ min: 1, max: maxLength }), { maxLength: 400 });
const epochs = fc.record({
  examples: lengths.map((list) => list.map((length, index) => example(index, length))),
  batchSize: fc.integer({ min: 1, max: 9 }),
  seed: fc.nat(),
  epoch: fc.nat(),
  shuffle: fc.boolean(),
  maxLength: fc.constant(maxLength),
});

describe('epochBatches', () => {
  it('takes every example once, in full batches but for the last', () => {
    fc.assert(
      fc.property(epochs, (options) => {
        const plan = epochBatches(options);
        const all = plan.flatMap(({ indices }) => indices).sort((a, b) => a - b);
        expect(all).toEqual(options.examples.map((_, index) => index));
        expect(plan).toHaveLength(Math.ceil(options.examples.length / options.batchSize));
        for (const { indices } of plan.slice(0, -1)) expect(indices).toHaveLength(options.batchSize);
      }),
    );
  });

  it('gives each batch the shortest bucket that holds it', () => {
    fc.assert(
      fc.property(epochs, (options) => {
        for (const { indices, length } of epochBatches(options)) {
          const longest = Math.max(...indices.map((index) => options.examples[index]!.ids.length));
          expect(length % 16 === 0 || length === maxLength).toBe(true);
          expect(length).toBeGreaterThanOrEqual(longest);
          expect(length - longest).toBeLessThan(16);
        }
      }),
    );
  });

  it('is a pure function of seed and epoch', () => {
    fc.assert(
      fc.property(epochs, (options) => {
        expect(epochBatches(options)).toEqual(epochBatches(options));
      }),
    );
    const examples = Array.from({ length: 64 }, (_, index) => example(index, 1 + (index % 40)));
    const options = { examples, batchSize: 4, seed: 1, epoch: 1, shuffle: true, maxLength };
    for (const other of [{ seed: 2 }, { epoch: 2 }]) {
      expect(epochBatches({ ...options, ...other })).not.toEqual(epochBatches(options));
    }
  });

  it('pads little, and lengths come in no order', () => {
    const examples = Array.from({ length: 3200 }, (_, index) =>
      example(index, 1 + ((index * 37) % maxLength)),
    );
    const plan = epochBatches({ examples, batchSize: 16, seed: 0, epoch: 0, shuffle: true, maxLength });
    const tokens = examples.reduce((sum, { ids }) => sum + ids.length, 0);
    const padded = plan.reduce((sum, { length }) => sum + length * 16, 0);
    expect(padded / tokens).toBeLessThan(1.25); // without buckets: 100 over 50.5
    const half = plan.length / 2;
    const sum = (part: typeof plan) => part.reduce((total, { length }) => total + length, 0);
    expect(sum(plan.slice(0, half)) / sum(plan.slice(half))).toBeCloseTo(1, 0);
  });

  it('without shuffle goes from short to long', () => {
    const examples = [30, 3, 20, 10].map((length, index) => example(index, length));
    const options = { examples, batchSize: 2, seed: 0, epoch: 0, shuffle: false, maxLength };
    expect(epochBatches(options)).toEqual([
      { indices: [1, 3], length: 16 },
      { indices: [2, 0], length: 32 },
    ]);
  });

  it('refuses an example beyond the maximum and a batch size that is none', () => {
    const options = {
      examples: [example(0, 20)],
      batchSize: 1,
      seed: 0,
      epoch: 0,
      shuffle: true,
      maxLength: 19,
    };
    expect(() => epochBatches(options)).toThrow(/20 tokens exceeds the maximum of 19/);
    expect(() => epochBatches({ ...options, batchSize: 0 })).toThrow(RangeError);
  });
});

describe('makeBatch', () => {
  it('lays tokens out s-major, pads ids, and masks rows', () => {
    const examples = [example(1, 2), example(2, 3)];
    const batch = makeBatch(examples, 3, 4, { padId: 7 });
    const padding = [7, 7, 7];
    expect([...batch.ids]).toEqual([1001, 2001, 7, 1002, 2002, 7, 7, 2003, 7, ...padding]);
    expect([...batch.typeIds]).toEqual([0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    expect([...batch.mask]).toEqual([1, 1, 0, 0, 1, 1, 1, 0, 1, 0, 0, 0]);
    expect([...batch.rowWeights]).toEqual([1, 1, 0]);
  });

  it.each(['right', 'left'] as const)('holds every example and nothing else, padded on the %s', (padSide) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 6 }), fc.nat(3), (list, spare) => {
        const examples = list.map((length, index) => example(index, length));
        const rows = examples.length + spare;
        const batch = makeBatch(examples, rows, 24, { padId: 0, padSide });
        for (let row = 0; row < rows; row++) {
          const column = (array: Int32Array) => Array.from({ length: 24 }, (_, s) => array[s * rows + row]!);
          const ids = [...(examples[row]?.ids ?? [])];
          const rest = new Array<number>(24 - ids.length).fill(0);
          const padded = (own: readonly number[]) =>
            padSide === 'left' ? [...rest, ...own] : [...own, ...rest];
          expect(column(batch.ids)).toEqual(padded(ids));
          expect(column(batch.typeIds)).toEqual(padded([...(examples[row]?.typeIds ?? [])]));
          if (row < examples.length) expect(batch.starts[row]).toBe(padSide === 'left' ? rest.length : 0);
          const mask = row < examples.length ? padded(ids.map(() => 1)) : [1, ...rest.slice(1)];
          expect([...batch.mask.slice(row * 24, row * 24 + 24)]).toEqual(mask);
          expect(batch.rowWeights[row]).toBe(row < examples.length ? 1 : 0);
        }
      }),
    );
  });

  it('refuses what does not fit', () => {
    expect(() => makeBatch([example(0, 5)], 1, 4, { padId: 0 })).toThrow(RangeError);
    expect(() => makeBatch([example(0, 1), example(1, 1)], 1, 4, { padId: 0 })).toThrow(RangeError);
  });
});

describe('tokenizeExamples', () => {
  it('numbers examples and keeps labels', () => {
    const vocab = new TextEncoder().encode('[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n');
    const tokenizer = loadTokenizer(new Map([['vocab.txt', vocab]]));
    const raw = [
      { text: 'a a', label: 1 },
      { text: 'a', pair: 'b', label: 0.5 },
    ];
    expect(tokenizeExamples(tokenizer, raw, 3)).toEqual([
      { index: 0, label: 1, ids: Int32Array.of(2, 5, 3), typeIds: new Uint8Array(3) },
      { index: 1, label: 0.5, ids: Int32Array.of(2, 3, 3), typeIds: Uint8Array.of(0, 0, 1) },
    ]);
  });
});

describe('splits', () => {
  const list = Array.from({ length: 50 }, (_, index) => index);

  it('limitExamples takes a prefix of one seeded order', () => {
    expect(limitExamples(list, 7, 3)).toEqual(limitExamples(list, 20, 3).slice(0, 7));
    expect(limitExamples(list, 99, 3).sort((a, b) => a - b)).toEqual(list);
    expect(limitExamples(list, 7, 3)).not.toEqual(limitExamples(list, 7, 4));
    expect(() => limitExamples(list, 0, 3)).toThrow(UsageError);
  });

  it('splitTrain parts the examples and keeps their order', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.02, max: 0.98, noNaN: true }), fc.nat(), (fraction, seed) => {
        const { train, held } = splitTrain(list, fraction, seed);
        expect(held).toHaveLength(Math.round(50 * fraction));
        expect([...train, ...held].sort((a, b) => a - b)).toEqual(list);
        for (const part of [train, held]) expect(part).toEqual([...part].sort((a, b) => a - b));
        expect(splitTrain(list, fraction, seed)).toEqual({ train, held });
      }),
    );
    for (const fraction of [0, 1, 0.001, 0.999])
      expect(() => splitTrain(list, fraction, 0)).toThrow(UsageError);
  });
});
