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
import { uniform } from '../../src/kernels/case.js';
import { type ThreadOptions, threads as threadsOf } from '../../src/threads/index.js';
import { hasEnded, misbehaving, workerUrl } from '../support/workers.js';
import { randomEncoder, randomTokens, SMALL } from '../support/random-weights.js';

const largest = { rows: 4, length: 150 };
const shape = { ...SMALL, positions: 160, head: 'classification' } as const;
const weights = randomEncoder(shape);
const threaded = (
  { threads = 2, ...options }: ThreadOptions & { readonly threads?: number } = {},
  of: EncoderWeights = weights,
): Promise<Encoder> =>
  createThreadedEncoder(of, { largest, threads: threadsOf(threads, { worker: workerUrl, ...options }) });

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
  it.each(['f32', 'q15', 'int8', 'quads', 'dense'] as const)(
    'of %s layers compute what one does',
    async (form) => {
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
    },
  );

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

const long = batchOf([150, 97, 33]);
const alone = createEncoder(weights, { largest });
const answer = alone.classify(long);

/** Calls until the encoder has lost its workers; every answer is right. */
function callUntilAlone(encoder: Encoder): void {
  for (let call = 0; call < 10_000 && encoder.threads > 1; call++)
    expect(encoder.classify(long)).toEqual(answer);
  expect(encoder.threads).toBe(1);
}

describe('a threaded encoder', () => {
  it('is usable after an error', async () => {
    const encoder = opened(await threaded());
    const bad = [...long, { ids: [SMALL.vocabulary] }];
    for (let i = 0; i < 3; i++) {
      expect(() => encoder.classify(bad)).toThrow(/id: expected one from 0 to 29, found 30/);
      expect(() => encoder.spans(long)).toThrow(/expected a model with a span head/);
      expect(encoder.classify(long)).toEqual(answer);
    }
    expect(encoder.threads).toBe(2);
  });

  it('leaves its workers asleep over one tile', async () => {
    const { worker } = misbehaving('failing'); // would be noticed, had it anything to do
    const encoder = opened(await threaded({ worker }));
    for (let call = 0; call < 200; call++) encoder.classify(batchOf([16]));
    expect([encoder.threads, encoder.note]).toEqual([2, undefined]);
    callUntilAlone(encoder);
  });

  it('works where the calling thread may not sleep', async () => {
    const wait = vi.spyOn(Atomics, 'wait').mockImplementation(() => {
      throw new TypeError('Atomics.wait cannot be called in this context');
    });
    try {
      const encoder = opened(await threaded({ threads: 3 }));
      for (let call = 0; call < 50; call++) expect(encoder.classify(long)).toEqual(answer);
      expect([encoder.threads, wait.mock.calls.length]).toEqual([3, 1]);
    } finally {
      wait.mockRestore();
    }
  });

  it('takes web workers where there are such', async () => {
    const made: unknown[] = [];
    const Web = class {
      private readonly node: Worker;
      constructor(url: URL, options: unknown) {
        this.node = new Worker(url);
        made.push(this, options);
      }
      addEventListener(type: string, listener: (event: { data: unknown }) => void): void {
        this.node.on(type, (data: unknown) => listener({ data }));
      }
      postMessage = (message: unknown): void => this.node.postMessage(message);
      terminate = (): void => void this.node.terminate();
    };
    vi.stubGlobal('Worker', Web);
    try {
      const encoder = opened(await threaded());
      expect(encoder.classify(long)).toEqual(answer);
      expect([encoder.threads, made[1]]).toEqual([2, { type: 'module' }]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('ends its workers when it is disposed of, once or twice', async () => {
    const workers: Worker[] = [];
    const worker = (): Worker => {
      workers.push(new Worker(workerUrl));
      return workers.at(-1)!;
    };
    const encoder = await threaded({ worker, threads: 3 });
    encoder.classify(long);
    encoder.dispose();
    encoder.dispose();
    await encoder[Symbol.asyncDispose]();
    expect(() => encoder.classify(long)).toThrow(/disposed of; create it anew/);
    expect(await Promise.all(workers.map((one) => hasEnded(one)))).toEqual([true, true]);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([0, 1.5, -1, NaN, 65])('refuses %d threads', (threads) => {
    expect(() => threadsOf(threads)).toThrow(/threads: expected a whole number from 1 to 64/);
  });

  it('needs no workers for one thread', async () => {
    const worker = vi.fn();
    expect((await threaded({ threads: 1, worker })).classify(long)).toEqual(answer);
    expect([worker.mock.calls, warn.mock.calls]).toEqual([[], []]);
  });
});

describe('one thread computes, and it is said once,', () => {
  const expectAlone = (encoder: Encoder, note: RegExp): void => {
    expect(encoder.classify(long)).toEqual(answer);
    expect(encoder.threads).toBe(1);
    expect(encoder.note).toMatch(note);
    expect(warn.mock.calls).toEqual([[`@espalier/runtime: one thread computes: ${encoder.note!}`]]);
  };

  it('where the script of the worker is missing', async () => {
    const worker = new URL('missing.js', workerUrl);
    expectAlone(opened(await threaded({ worker })), /a worker has failed: Cannot find module/);
  });

  it('where no worker can be made', async () => {
    const worker = (): never => {
      throw new Error('refused by policy');
    };
    expectAlone(opened(await threaded({ worker })), /a worker could not be started: .*refused by policy/);
  });

  it('where workers are not ready in time', async () => {
    const { worker, made } = misbehaving('silent');
    expectAlone(
      opened(await threaded({ worker, limits: { start: 300, stuck: 1000 } })),
      /workers were not ready after 300 ms/,
    );
    expect(await hasEnded(made[0]!)).toBe(true);
  });

  it.each([
    ['crossOriginIsolated', false, /not cross-origin isolated; serve it with/],
    ['SharedArrayBuffer', undefined, /not cross-origin isolated; serve it with/],
  ])('where %s is %s', async (name, value, note) => {
    vi.stubGlobal(name, value);
    try {
      expectAlone(await threaded(), note);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('where a worker fails over its work', async () => {
    const encoder = opened(await threaded({ worker: misbehaving('failing').worker, threads: 3 }));
    callUntilAlone(encoder);
    expectAlone(encoder, /a thread has failed over its work/);
  });

  it('where a worker ends while there is nothing to do', async () => {
    const workers: Worker[] = [];
    const worker = (): Worker => {
      workers.push(new Worker(workerUrl));
      return workers.at(-1)!;
    };
    const encoder = opened(await threaded({ worker, threads: 3 }));
    expect(encoder.classify(long)).toEqual(answer);
    const others = hasEnded(workers[1]!);
    const ended = workers[0]!.terminate();
    expect(encoder.classify(long)).toEqual(answer); // before anybody knows
    await ended;
    expectAlone(encoder, /a worker has failed: it has ended/);
    expect(await others).toBe(true);
  });
});

it('a worker that dies over its work is an error, soon, and the encoder of no use', async () => {
  const { worker } = misbehaving('dying');
  const encoder = opened(await threaded({ worker, limits: { start: 5000, stuck: 1500 } }));
  const calls = (): void => {
    for (let call = 0; call < 10_000; call++) expect(encoder.classify(long)).toEqual(answer);
  };
  expect(calls).toThrow(/a worker has died over its work; create the encoder anew/);
  expect(() => encoder.classify(long)).toThrow(/create the encoder anew/);
  expect(warn).toHaveBeenCalledTimes(1);
});
