// The encoder against the same in f64: forms of layers, lengths, ragged blocks, heads, batches, and what it leaves behind.
import '../support/relaxed.js';
import { describe, expect, it } from 'vitest';
import {
  createEncoder,
  type EncoderWeights,
  type LinearWeights,
  type Tokens,
} from '../../src/encoder/index.js';
import { availableLevels } from '../../src/kernels/levels.js';
import { uniform } from '../../src/kernels/case.js';
import { randomEncoder, type RandomEncoder, randomTokens, SMALL } from '../support/random-weights.js';
import { referenceHidden, referenceLogits, relativeDistance } from '../support/reference.js';

const largest = { rows: 3, length: 70 };
const LENGTHS = [1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 70];

const batchOf = (lengths: readonly number[], vocabulary = SMALL.vocabulary): Tokens[] => {
  const random = uniform(5);
  return lengths.map((length) => randomTokens(random, length, vocabulary));
};

/** The largest relative distance of the hidden states of a sequence. */
function worst(weights: EncoderWeights, batch: readonly Tokens[], levels = availableLevels()): number {
  const found = createEncoder(weights, { largest, levels }).hidden(batch);
  return Math.max(
    ...batch.map((tokens, i) => relativeDistance(found[i]!, referenceHidden(weights, tokens).flat())),
  );
}

const SHAPES: readonly (readonly [string, Partial<RandomEncoder>])[] = [
  ['even', {}],
  ['odd widths', { hidden: 21, headSize: 7, neurons: [37, 37], density: 1 }],
  ['ragged heads and neurons', { heads: [1, 3], neurons: [13, 40] }],
  ['no heads in one block, no neurons in another', { heads: [0, 2, 3], neurons: [21, 0, 5] }],
  ['no blocks', { heads: [], neurons: [] }],
  ['empty rows', { density: 0.02 }],
  ['tables of int8', { tables: 'int8' }],
  ['tables of int4', { tables: 'int4', hidden: 21, headSize: 7 }],
];

describe.each(availableLevels())('%s', (level) => {
  const levels = [level, 'scalar'] as const;

  /** Bounds of the relative distance (L2) over two small blocks; what was found is about half of them. */
  it.each([
    ['dense', 1e-5],
    ['f32', 1e-5],
    ['q15', 5e-4],
    ['int8', 4e-2],
    ['quads', 6e-2], // whose weights are rounded too
  ] as const)('%s layers are within %d of f64, in every shape', (form, bound) => {
    for (const [, shape] of SHAPES) {
      const weights = randomEncoder({ ...SMALL, ...shape, form });
      expect(worst(weights, batchOf([1, 9, 33]), levels), JSON.stringify(shape)).toBeLessThan(bound);
    }
  });

  it('every length is right, alone and beside others', () => {
    const weights = randomEncoder(SMALL);
    const batch = batchOf(LENGTHS);
    expect(worst(weights, batch, levels)).toBeLessThan(1e-5);
    const encoder = createEncoder(weights, { largest, levels });
    const together = encoder.hidden(batch);
    expect(batch.map((tokens) => encoder.hidden([tokens])[0])).toEqual(together);
  });

  it.each(['classification', 'span'] as const)('%s heads', (head) => {
    const weights = randomEncoder({ ...SMALL, head });
    const encoder = createEncoder(weights, { largest, levels });
    const batch = batchOf([...LENGTHS, 5, 40, 33]);
    const found =
      head === 'span'
        ? encoder.spans(batch).map(({ start, end }) => [...start].flatMap((value, i) => [value, end[i]!]))
        : encoder.classify(batch).map((logits) => [...logits]);
    batch.forEach((tokens, i) => {
      expect(relativeDistance(found[i]!, referenceLogits(weights, tokens))).toBeLessThan(1e-5);
    });
  });
});

describe('an encoder', () => {
  const weights = randomEncoder({ ...SMALL, head: 'classification' });
  const batch = batchOf([3, 40, 17, 70]);

  it('gives the first and the mean of its hidden states', () => {
    const encoder = createEncoder(weights, { largest });
    const [hidden, first, mean] = [encoder.hidden(batch), encoder.first(batch), encoder.mean(batch)];
    hidden.forEach((states, i) => {
      expect(relativeDistance(first[i]!, [...states.subarray(0, 24)])).toBeLessThan(1e-6);
      const tokens = states.length / 24;
      const sums = Array.from({ length: 24 }, (_, f) =>
        Array.from({ length: tokens }, (_, t) => states[24 * t + f]!).reduce((a, b) => a + b, 0),
      );
      expect(
        relativeDistance(
          mean[i]!,
          sums.map((sum) => sum / tokens),
        ),
      ).toBeLessThan(1e-6);
    });
  });

  // A rounding that falls the other way is worth 1/127; the distance to f64 is up to 4e-2.
  it('computes int8 on every level alike but for roundings', () => {
    const int8 = randomEncoder({ ...SMALL, form: 'int8' });
    const [best, ...others] = availableLevels().map((level) =>
      createEncoder(int8, { largest, levels: [level] })
        .hidden(batch)
        .flatMap((of) => [...of]),
    );
    for (const other of others) expect(relativeDistance(other, best!)).toBeLessThan(2e-2);
  });

  it('keeps its memory and its numbers over 100 runs', () => {
    const encoder = createEncoder(weights, { largest });
    const [bytes, before] = [encoder.bytes, encoder.classify(batch)];
    const used = (): number => process.memoryUsage().arrayBuffers;
    const start = used();
    for (let i = 0; i < 100; i++) expect(encoder.classify(batch)).toEqual(before);
    expect(encoder.bytes).toBe(bytes);
    expect(used() - start).toBeLessThan(bytes / 2);
  });

  it('is of no use after it was disposed of', async () => {
    const encoder = createEncoder(weights, { largest });
    await encoder[Symbol.asyncDispose]();
    expect(() => encoder.classify(batch)).toThrow(/disposed of; create it anew/);
  });

  it('refuses what it has no place for', () => {
    const encoder = createEncoder(weights, { largest });
    expect(() => encoder.hidden(batchOf([71]))).toThrow(/ids: expected 1 to 70 of a sequence, found 71/);
    expect(() => encoder.hidden([{ ids: [] }])).toThrow(/found 0/);
    expect(() => encoder.hidden([{ ids: [30] }])).toThrow(/id: expected one from 0 to 29, found 30/);
    expect(() => encoder.hidden([{ ids: [1], typeIds: [2] }])).toThrow(
      /token type: expected one from 0 to 1/,
    );
    expect(() => encoder.hidden([{ ids: [1, 2], typeIds: [0] }])).toThrow(/typeIds: expected 2, found 1/);
    expect(() => encoder.hidden([undefined as never])).toThrow(/expected 1 to 70 of a sequence, found 0/);
    expect(() => encoder.hidden({ ids: [1] } as never)).toThrow(/expected a list/);
    expect(() => createEncoder(weights, { largest: { rows: 0, length: 9 } })).toThrow(
      /largest.rows: .* found 0/,
    );
    expect(() => encoder.spans(batch)).toThrow(
      /expected a model with a span head, found a classification head/,
    );
  });

  it.each<readonly [RegExp, (of: EncoderWeights) => Partial<EncoderWeights>]>([
    [/epsilon: expected a number above 0/, () => ({ epsilon: 1e-50 })],
    [/headSize: expected a whole number/, () => ({ headSize: 0 })],
    [
      /group: expected one of 1 to 268435456, found 4294967296/,
      ({ embeddings }) => {
        const scales = new Float32Array(2).fill(1);
        const types = { form: 'int4', rows: 2, values: new Uint8Array(24), scales, group: 2 ** 32 } as const;
        return { embeddings: { ...embeddings, types } };
      },
    ],
    [/block 0.query: expected 0 rows beside whole heads, found/, () => ({ headSize: 7 })],
    [
      /embeddings.norm: expected 24 gains, found 2/,
      ({ embeddings }) => ({
        embeddings: { ...embeddings, norm: { ...embeddings.norm, gain: new Float32Array(2) } },
      }),
    ],
    [
      /block 0.key: expected 24 rows, found 12/,
      ({ blocks: [first, ...others] }) => {
        const attention = { ...first!.attention!, key: { ...first!.attention!.key, rows: 12 } };
        return { blocks: [{ ...first!, attention }, ...others] };
      },
    ],
    [
      /block 0.attended: expected 24 columns, found 25/,
      ({ blocks: [first, ...others] }) => ({
        blocks: [{ ...first!, attended: { ...first!.attended, columns: 25 } }, ...others],
      }),
    ],
  ])('refuses parts that do not fit each other: %s', (message, change) => {
    expect(() => createEncoder({ ...weights, ...change(weights) }, { largest })).toThrow(message);
  });

  it.each([
    [/expected ascending columns below 24, found 24 after/, [24], 1],
    [/expected ascending columns below 24, found 3 after 3/, [3, 3], 2],
    [/expected ascending columns below 24, found 2 after 5/, [5, 2], 2],
    [/expected the starts of 24 rows/, [0, 1], 1],
  ])('refuses damaged rows: %s', (message, columns, end) => {
    const [block] = weights.blocks;
    const rowStart = new Uint32Array(25).fill(end).fill(0, 0, 1);
    const query: LinearWeights = {
      ...({ form: 'f32', rows: 24, columns: 24, bias: new Float32Array(24) } as const),
      ...{
        entries: { rowStart, columns: Uint16Array.from(columns) },
        values: new Float32Array(columns.length),
      },
    };
    const damaged = { ...weights, blocks: [{ ...block!, attention: { ...block!.attention!, query } }] };
    expect(() => createEncoder(damaged, { largest })).toThrow(message);
  });
});
