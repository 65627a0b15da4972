// Kernels of a tile width are tested before a sequence has it for the first time. Here some are wrong in tiles of eight tokens:
// then their twins compute, over weights that stand as the other widths want them.
import '../support/relaxed.js';
import { describe, expect, it, vi } from 'vitest';
import { createEncoder, createThreadedEncoder, type Tokens } from '../../src/encoder/index.js';
import { uniform } from '../../src/kernels/case.js';
import type { Kernel } from '../../src/kernels/kernel.js';
import { spmmF32 } from '../../src/kernels/spmm-f32.js';
import { spmmInt8Pairs } from '../../src/kernels/spmm-int8-pairs.js';
import { addNorm } from '../../src/kernels/norm.js';
import { threads } from '../../src/threads/index.js';
import { defineFunction, type Params } from '../../src/wasm/assembler.js';
import { randomEncoder, randomTokens, SMALL } from '../support/random-weights.js';
import { referenceHidden, relativeDistance } from '../support/reference.js';
import { workerUrl } from '../support/workers.js';

/** As if a kernel did nothing in tiles of eight tokens. */
const damage = <P extends Params>(kernel: Kernel<P>) => {
  const { wasm } = kernel;
  return vi.spyOn(kernel, 'wasm').mockImplementation((shape, relaxed) => {
    const right = wasm(shape, relaxed);
    return shape.tile === 8 ? defineFunction(right.params, () => undefined) : right;
  });
};

// Sizes of heads that no other test has, since what is compiled is kept.
const DAMAGED = { headSize: 12, heads: [2, 2] };
const COUNTED = { headSize: 4, heads: [6, 6] };

const LENGTHS = [5, 12, 40, 8, 16, 17, 33];
const batch: readonly Tokens[] = LENGTHS.map((length, i) =>
  randomTokens(uniform(i), length, SMALL.vocabulary),
);
const largest = { rows: 2, length: 70 };

describe.each(['f32', 'q15', 'int8', 'quads', 'dense'] as const)('%s layers', (form) => {
  const weights = randomEncoder({ ...SMALL, form, head: 'classification' });

  it('give the same numbers in whatever order lengths come, and in threads', async () => {
    const options = { largest, threads: threads(2, { worker: workerUrl }) };
    const threaded = await createThreadedEncoder(weights, options);
    const [hidden, logits] = [threaded.hidden(batch), threaded.classify(batch)];
    await threaded[Symbol.asyncDispose]();
    for (const first of batch.keys()) {
      const encoder = createEncoder(weights, { largest });
      for (const i of [first, ...batch.keys()]) {
        expect(encoder.hidden([batch[i]!])[0]).toEqual(hidden[i]);
        expect(encoder.classify([batch[i]!])[0]).toEqual(logits[i]);
      }
    }
  });
});

describe('an encoder', () => {
  it.each([
    ['f32', () => damage(spmmF32), 1e-5],
    ['int8', () => damage(spmmInt8Pairs), 4e-2],
  ] as const)(
    'whose %s kernels fail in a width that is needed later is right, and says so',
    (form, spy, bound) => {
      const damaged = spy();
      try {
        const weights = randomEncoder({ ...SMALL, ...DAMAGED, form });
        // In plain SIMD weights of int8 stand otherwise than the best twin wants them.
        const encoder = createEncoder(weights, { largest, levels: ['simd', 'scalar'] });
        const expectRight = (tokens: Tokens): void => {
          const expected = referenceHidden(weights, tokens).flat();
          expect(relativeDistance(encoder.hidden([tokens])[0]!, expected)).toBeLessThan(bound);
        };
        const { levels } = encoder;
        expectRight(batch[2]!);
        expect(levels).toEqual({ f32: 'simd', q15: 'simd', int8: 'simd', block: 'simd' });
        for (const tokens of batch) expectRight(tokens);
        expect(levels).toEqual({ f32: 'scalar', q15: 'scalar', int8: 'scalar', block: 'scalar' });
        expect(encoder.levels).toEqual(levels);
      } finally {
        damaged.mockRestore();
      }
    },
  );

  it('compiles a width when it is opened, and others when they are needed, once a process', () => {
    const weights = randomEncoder({ ...SMALL, ...COUNTED });
    const { wasm } = addNorm;
    const compiled: number[] = [];
    const spy = vi.spyOn(addNorm, 'wasm').mockImplementation((shape, relaxed) => {
      compiled.push(shape.tile);
      return wasm(shape, relaxed);
    });
    try {
      const encoder = createEncoder(weights, { largest });
      expect(compiled).toEqual([32]);
      encoder.hidden([batch[2]!]);
      expect(compiled).toEqual([32]);
      encoder.hidden([batch[1]!, batch[2]!, batch[0]!, batch[1]!]);
      expect(compiled).toEqual([32, 16, 8]);
      createEncoder(weights, { largest }).hidden(batch);
      createEncoder(weights, { largest: { rows: 1, length: 9 } });
      expect(compiled).toEqual([32, 16, 8]);
    } finally {
      spy.mockRestore();
    }
  });

  it('that was disposed of compiles nothing more', () => {
    const encoder = createEncoder(randomEncoder(SMALL), { largest });
    encoder.hidden([batch[2]!]);
    encoder.dispose();
    expect(() => encoder.hidden([batch[0]!])).toThrow(/disposed of; create it anew/);
  });
});
