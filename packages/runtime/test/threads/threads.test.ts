// Threads against one thread, bit by bit: batches of random lengths, calls that follow each other at once, errors, and workers
// that cannot start or die. Workers are the compiled ones: build before.
import '../support/relaxed.js';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  createEncoder,
  createThreadedEncoder,
  type Encoder,
  type EncoderWeights,
  type Tokens,
} from '../../src/encoder/index.js';
import { uniform } from '../../src/kernels/cases.js';
import type { ThreadedOptions } from '../../src/threads/threaded-encoder.js';
import { randomEncoder, randomTokens, SMALL } from '../support/random-weights.js';

const worker = new URL('../../dist/threads/worker.js', import.meta.url);
const largest = { rows: 4, length: 150 };
const shape = { ...SMALL, positions: 160, head: 'classification' } as const;
const weights = randomEncoder(shape);
const threaded = (options: Partial<ThreadedOptions> = {}, of: EncoderWeights = weights): Promise<Encoder> =>
  createThreadedEncoder(of, { largest, threads: 2, worker, ...options });

const batchOf = (lengths: readonly number[], seed = 5): Tokens[] => {
  const random = uniform(seed);
  return lengths.map((length) => randomTokens(random, length, SMALL.vocabulary));
};

const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
beforeEach(() => warn.mockClear());
const open: Encoder[] = [];
const opened = (encoder: Encoder): Encoder => {
  open.push(encoder);
  return encoder;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((encoder) => encoder[Symbol.asyncDispose]()));
});

describe.each([2, 3])('%d threads', (threads) => {
  it.each(['f32', 'q15', 'int8', 'dense'] as const)('of %s layers compute what one does', async (form) => {
    const of = randomEncoder({ ...shape, form });
    const [one, many] = [createEncoder(of, { largest }), opened(await threaded({ threads }, of))];
    expect([many.threads, many.note, warn.mock.calls]).toEqual([threads, undefined, []]);
    const length = fc.integer({ min: 1, max: largest.length });
    fc.assert(
      fc.property(fc.array(length, { minLength: 1, maxLength: 9 }), fc.integer(), (lengths, seed) => {
        const batch = batchOf(lengths, seed);
        expect(many.hidden(batch)).toEqual(one.hidden(batch));
        expect(many.classify(batch)).toEqual(one.classify(batch));
      }),
      { numRuns: 15 },
    );
    expect([many.threads, many.note]).toEqual([threads, undefined]);
  });

  it('keep their numbers over 500 calls in a row', async () => {
    const many = opened(await threaded({ threads }));
    const batches = [[150], [33, 1, 70], [128], [16], [97, 97]].map((lengths) => batchOf(lengths));
    const one = createEncoder(weights, { largest });
    const expected = batches.map((batch) => one.classify(batch));
    for (let call = 0; call < 500; call++) {
      const i = call % batches.length;
      expect(many.classify(batches[i]!)).toEqual(expected[i]);
    }
  });
});
