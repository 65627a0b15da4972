// The pruning methods in training: what sparsity they reach where, and what RPP promises about moments and penalty.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import type { MethodHooks } from '../../src/methods/method.js';
import { methodNamed } from '../../src/methods/index.js';
import { zeroFraction } from '../../src/engine/pattern.js';
import { correctPenalty, reweight, rpp } from '../../src/methods/rpp.js';
import type { Trainer } from '../../src/train/trainer.js';
import { bitsOf, madeUpExamples, type MadeUpRun, randomModel, trainerOf } from '../support/training.js';

/** A trainer of one block: 448 prunable weights. */
const oneBlock = (run: MadeUpRun): Trainer =>
  trainerOf({ model: randomModel({ num_hidden_layers: 1 }), ...run });

const prunable = ({ stage: { tensors, encoderLinear } }: Trainer): string[] =>
  tensors.map(({ name }) => name).filter((name) => encoderLinear.test(name));

const sparsityOf = (trainer: Trainer): number =>
  zeroFraction(prunable(trainer).map((name) => trainer.weight(name)));

async function finish(trainer: Trainer): Promise<void> {
  while (trainer.done < trainer.stage.steps) await trainer.step();
  await trainer.finishStage();
  await trainer.release();
}

describe('magnitude and NIP', () => {
  it.each([
    ['magnitude', { sparsity: 0.9 }, 12],
    ['magnitude', { sparsity: 0.37, schedule: 'one-shot' }, 2],
    ['magnitude', { sparsity: 0.8, start: 0.3, end: 1, updates: 3 }, 11],
    ['nip', { sparsity: 0.8 }, 12],
    ['nip', { sparsity: 0.65, increments: 13, end: 1 }, 5],
  ])('%s with %o reaches its target in every matrix within one weight', async (name, options, steps) => {
    const trainer = oneBlock({ steps, methods: [methodNamed(name).create(options)] });
    expect(prunable(trainer)).toHaveLength(6);
    await finish(trainer);
    for (const matrix of prunable(trainer)) {
      const weights = trainer.weight(matrix);
      expect(zeroFraction([weights]), matrix).toBe(
        Math.floor(options.sparsity * weights.length) / weights.length,
      );
    }
    for (const { name: other } of trainer.stage.tensors.filter(
      ({ name: n }) => !prunable(trainer).includes(n),
    )) {
      expect(zeroFraction([trainer.weight(other)]), other).toBeLessThan(0.5);
    }
  });

  it('NIP prunes to the initial ratio at once, then at each rise', async () => {
    const options = { sparsity: 0.75, initial: 0.25, increments: 2, end: 1 };
    const trainer = oneBlock({ steps: 4, methods: [methodNamed('nip').create(options)] });
    const seen: number[] = [];
    while (trainer.done < 4) {
      await trainer.step();
      seen.push(sparsityOf(trainer));
    }
    await trainer.release();
    expect(seen).toEqual([0.25, 0.5, 0.5, 0.75]);
  });

  it('prunes only what a pattern names, and says when it names nothing', async () => {
    const trainer = oneBlock({
      steps: 1,
      methods: [methodNamed('magnitude').create({ schedule: 'one-shot', names: 'query' })],
    });
    await finish(trainer);
    for (const name of prunable(trainer)) {
      expect(zeroFraction([trainer.weight(name)]) > 0, name).toBe(/query/.test(name));
    }
    const nothing = methodNamed('magnitude').create({ names: 'rose' });
    expect(() => oneBlock({ methods: [nothing] })).toThrow(UsageError);
    expect(() => oneBlock({ methods: [methodNamed('nip').create({ names: '(' })] })).toThrow(UsageError);
  });

  it.each([
    ['magnitude', { start: 0.8, end: 0.2 }],
    ['nip', { sparsity: 0.5, initial: 0.6 }],
    ['magnitude', { sparsity: 1 }],
  ])('%s refuses %o', (name, options) => {
    expect(() => methodNamed(name).create(options)).toThrow(UsageError);
  });
});

describe('RPP', () => {
  const withGamma = (gamma: number, more: object = {}): MethodHooks =>
    rpp.create({ ...rpp.options.parse(more), gamma });
  /** No loss: weights move by decay and penalty alone. */
  const lossless: MethodHooks = {
    build: () => ({ loss: (terms) => terms.map((term) => ({ ...term, weight: 0 })) }),
  };

  it.each(['scalar', 'per-coordinate'] as const)(
    'keeps the %s penalty out of the moments',
    async (metric) => {
      const after = async (gamma: number): Promise<Trainer> => {
        const trainer = oneBlock({ settings: { warmup: 0 }, methods: [withGamma(gamma, { metric })] });
        await trainer.step();
        await trainer.release();
        return trainer;
      };
      const [none, some] = [await after(0), await after(0.01)];
      for (const name of prunable(none)) {
        for (const slot of ['m', 'v'] as const) {
          const [free, shrunk] = [none, some].map(({ stage }) => bitsOf(stage.store.view(name, slot)));
          expect(shrunk, `${slot} of ${name}`).toBe(free);
        }
        expect(bitsOf(some.weight(name)), name).not.toBe(bitsOf(none.weight(name)));
      }
    },
  );

  it('leaves fewer weights the greater the penalty, when there is no loss', async () => {
    const left: number[] = [];
    for (const gamma of [0, 1, 4, 16]) {
      const trainer = oneBlock({ steps: 12, methods: [withGamma(gamma, { rounds: 3 }), lossless] });
      while (trainer.done < 12) await trainer.step();
      await trainer.release();
      left.push(1 - sparsityOf(trainer));
    }
    expect(left[0]).toBe(1);
    for (let i = 1; i < left.length; i++) expect(left[i]!).toBeLessThanOrEqual(left[i - 1]!);
    expect(new Set(left).size).toBeGreaterThan(2);
  });

  it.each([
    [{ sparsity: 0.5 }, 40],
    [{ sparsity: 0.9, metric: 'per-coordinate' }, 40],
    [{ sparsity: 0.8, normalise: 'median' }, 40],
    [{ sparsity: 0.8, normalise: 'none' }, 40],
    [{ sparsity: 0.8 }, 3],
  ])('reaches its target with %o within 0.002 after %i steps', async (options, steps) => {
    const trainer = oneBlock({
      steps,
      examples: madeUpExamples(24),
      methods: [methodNamed('rpp').create(options)],
    });
    await finish(trainer);
    expect(Math.abs(sparsityOf(trainer) - options.sparsity)).toBeLessThan(0.002);
  });

  it('follows its ramp by the penalty, so that little is left to adjust at the end', async () => {
    const trainer = oneBlock({
      steps: 100,
      examples: madeUpExamples(24),
      methods: [methodNamed('rpp').create({ sparsity: 0.7 })],
    });
    while (trainer.done < 100) await trainer.step();
    const { finalAdjustment } = await trainer.finishStage();
    await trainer.release();
    expect(finalAdjustment).toBeLessThan(0.1);
  });
});

describe('reweight', () => {
  const weights = Float32Array.of(0, -0.3, 0.1, 0.9);
  const factors = (normalise: 'none' | 'zero' | 'median'): Float32Array => {
    const out = new Float32Array(4);
    reweight(weights, 0.1, normalise, out);
    return out;
  };
  const expectFactors = (found: Float32Array, expected: readonly number[]): void =>
    expect([...found]).toEqual(expected.map((value): unknown => expect.closeTo(value, 5)));

  it('is 1 / (|w| + eps), in units of a weight at zero or of the median', () => {
    expectFactors(factors('none'), [10, 2.5, 5, 1]);
    expectFactors(factors('zero'), [1, 0.25, 0.5, 0.1]);
    expectFactors(factors('median'), [4, 1, 2, 0.4]);
  });
});

describe('correctPenalty', () => {
  it('rests on the ramp, rises behind it, falls ahead of it, and never jumps', () => {
    expect(correctPenalty(2, 0, 0.01, 0.01)).toBe(2);
    expect(correctPenalty(2, 0.01, 0.01, 0.01)).toBeGreaterThan(2);
    expect(correctPenalty(2, -0.01, 0.01, 0.01)).toBeLessThan(2);
    expect(correctPenalty(2, 0, 0.02, 0.01)).toBeLessThan(2);
    expect(correctPenalty(2, 9, 0, 9)).toBeCloseTo(2 * Math.exp(0.5), 12);
  });
});
