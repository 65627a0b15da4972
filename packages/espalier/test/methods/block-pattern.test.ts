// Pruning in 1x4 blocks: exact counts, whole blocks, widths that are no multiple of four; RPP's block lasso, its target,
// its moments; resume to the bit; and that without the option nothing changes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zeroFraction } from '../../src/engine/pattern.js';
import { UsageError } from '../../src/errors.js';
import { magnitudeMask } from '../../src/methods/magnitude-mask.js';
import { patternMask } from '../../src/methods/block-pattern.js';
import { methodNamed } from '../../src/methods/index.js';
import { blockStatistics } from '../../src/report/block-statistics.js';
import type { Trainer } from '../../src/train/trainer.js';
import { tinyFamily } from '../support/families.js';
import { bitsOf, madeUpExamples, type MadeUpRun, randomModel, trainerOf } from '../support/training.js';

/** One block of 16 wide and 18 in between: rows of 4 whole blocks, and of 4 and a half. */
const model = randomModel({ num_hidden_layers: 1, hidden_size: 16, intermediate_size: 18 });
const run = (options: MadeUpRun): Trainer => trainerOf({ model, examples: madeUpExamples(24), ...options });
const prunable = ({ stage: { tensors, encoderLinear } }: Trainer) =>
  tensors.filter(({ name }) => encoderLinear.test(name));

async function finish(trainer: Trainer): Promise<Readonly<Record<string, number>>> {
  while (trainer.done < trainer.stage.steps) await trainer.step();
  const reported = await trainer.finishStage();
  await trainer.release();
  return reported;
}

describe('patternMask', () => {
  const matrix = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 13 }))
    .chain(([rows, columns]) =>
      fc.record({
        columns: fc.constant(columns),
        weights: fc.uniqueArray(fc.float({ min: Math.fround(0.01), max: 8, noNaN: true }), {
          minLength: rows * columns,
          maxLength: rows * columns,
        }),
      }),
    );

  it('removes the weakest blocks whole, at most the target and less than one block below it', () => {
    fc.assert(
      fc.property(matrix, fc.double({ min: 0, max: 0.99, noNaN: true }), ({ weights, columns }, sparsity) => {
        const mask = new Uint8Array(weights.length).fill(7);
        patternMask(Float32Array.from(weights), columns, '1x4', sparsity, mask);
        const norms = { kept: [Infinity], pruned: [0] };
        for (let row = 0; row < weights.length; row += columns) {
          for (let from = 0; from < columns; from += 4) {
            const size = Math.min(4, columns - from);
            const members = mask.subarray(row + from, row + from + size);
            expect(new Set(members).size).toBe(1);
            const squares = weights.slice(row + from, row + from + size).map((w) => w * w);
            const norm = Math.sqrt(squares.reduce((a, b) => a + b) / size);
            norms[members[0] === 1 ? 'kept' : 'pruned'].push(norm);
          }
        }
        expect(Math.max(...norms.pruned)).toBeLessThanOrEqual(Math.min(...norms.kept) * (1 + 1e-6));
        const target = Math.floor(sparsity * weights.length);
        const pruned = mask.filter((keep) => keep === 0).length;
        fc.pre(
          new Set([...norms.kept, ...norms.pruned].map(Math.fround)).size ===
            norms.kept.length + norms.pruned.length,
        );
        expect(pruned).toBeLessThanOrEqual(target);
        expect(pruned).toBeGreaterThan(target - 4);
        if (columns % 4 === 0) expect(pruned).toBe(4 * Math.floor(target / 4));
      }),
    );
  });

  it('is the mask of single weights where the pattern is unstructured', () => {
    const weights = Float32Array.from({ length: 60 }, (_, i) => Math.sin(i * i));
    const [found, expected] = [new Uint8Array(60), new Uint8Array(60)];
    patternMask(weights, 10, 'unstructured', 0.63, found);
    magnitudeMask(weights, 0.63, expected);
    expect(found).toEqual(expected);
  });
});

describe.each([
  ['magnitude', { sparsity: 0.9 }],
  ['magnitude', { sparsity: 0.5, schedule: 'one-shot' }],
  ['nip', { sparsity: 0.77 }],
  ['prune-once', { sparsity: 0.85 }],
])('%s with %o in blocks', (name, options) => {
  it('reaches its target in every matrix within one block, all zeros in whole blocks', async () => {
    const trainer = run({
      steps: 12,
      methods: [
        methodNamed(name).create({
          ...options,
          pattern: '1x4',
          names: 'encoder.*(query|key|value|dense)\\.weight$',
        }),
      ],
    });
    await finish(trainer);
    for (const { name: matrix, shape } of prunable(trainer)) {
      const weights = trainer.weight(matrix);
      const { sparsity, covered } = blockStatistics(weights, shape[1]!);
      expect(covered, matrix).toBe(1);
      expect(sparsity, matrix).toBeLessThanOrEqual(options.sparsity);
      expect(sparsity, matrix).toBeGreaterThan(options.sparsity - 4 / weights.length);
      if (shape[1]! % 4 === 0)
        expect(sparsity, matrix).toBe(
          Math.floor((options.sparsity * weights.length) / 4) / (weights.length / 4),
        );
    }
  });
});

describe('RPP in blocks', () => {
  const blocks = (more: object = {}) => methodNamed('rpp').create({ pattern: '1x4', sparsity: 0.7, ...more });

  it.each([[{}], [{ normalise: 'median' }], [{ normalise: 'none' }], [{ sparsity: 0.9, rounds: 3 }]])(
    'reaches its target with %o within one block, all zeros in whole blocks',
    async (options) => {
      const trainer = run({ steps: 40, methods: [blocks(options)] });
      await finish(trainer);
      const sparsity = 'sparsity' in options ? options.sparsity : 0.7;
      const reached = zeroFraction(prunable(trainer).map(({ name }) => trainer.weight(name)));
      expect(Math.abs(reached - sparsity)).toBeLessThan(0.002);
      for (const { name, shape } of prunable(trainer)) {
        const weights = trainer.weight(name);
        if (weights.includes(0)) expect(blockStatistics(weights, shape[1]!).covered, name).toBe(1);
      }
    },
  );

  it('follows its ramp by the penalty, as single weights do', async () => {
    const adjustment = (await finish(run({ steps: 100, methods: [blocks()] })))['finalAdjustment']!;
    expect(adjustment).toBeLessThan(0.1);
  });

  it('keeps the penalty out of the moments, and shrinks every block along its own direction', async () => {
    const after = async (gamma: number): Promise<Trainer> => {
      const trainer = run({ settings: { warmup: 0 }, methods: [blocks({ gamma })] });
      await trainer.step();
      await trainer.release();
      return trainer;
    };
    const [free, shrunk] = [await after(1e-12), await after(5)];
    for (const { name, shape } of prunable(free)) {
      for (const slot of ['m', 'v'] as const)
        expect(bitsOf(shrunk.stage.store.view(name, slot)), name).toBe(
          bitsOf(free.stage.store.view(name, slot)),
        );
      const [a, w] = [free.weight(name), shrunk.weight(name)];
      const ratio = w.map((value, i) => value / a[i]!);
      const columns = shape[1]!;
      for (let i = 0; i < w.length; i++) {
        const first = i - ((i % columns) % 4);
        expect(ratio[i]! - ratio[first]!, name).toBeCloseTo(0, 4);
        expect(ratio[i]!, name).toBeLessThan(1);
      }
    }
  });

  it('goes on after a checkpoint to the bit', async () => {
    const make = (): Trainer => run({ steps: 16, methods: [blocks({ rounds: 4 })] });
    const whole = make();
    await finish(whole);
    const half = make();
    while (half.done < 9) await half.step();
    const state = structuredClone(half.state());
    await half.release();
    const resumed = make();
    resumed.restore(state);
    await finish(resumed);
    for (const { name } of prunable(whole))
      expect(bitsOf(resumed.weight(name)), name).toBe(bitsOf(whole.weight(name)));
  });

  it('leaves blocks that lock keeps', async () => {
    const first = run({ steps: 10, methods: [blocks()] });
    while (first.done < 10) await first.step();
    await first.finishStage();
    const pruned = first.snapshot();
    await first.release();
    const locked = run({ model: pruned, steps: 5, methods: [methodNamed('lock').create({})] });
    await finish(locked);
    for (const { name } of prunable(locked)) {
      const zeros = (weights: Float32Array): string => weights.map((w) => (w === 0 ? 0 : 1)).join('');
      expect(zeros(locked.weight(name)), name).toBe(zeros(pruned.tensors.get(name)!.data));
      expect(bitsOf(locked.weight(name))).not.toBe(bitsOf(pruned.tensors.get(name)!.data));
    }
  });

  it('has one threshold for a block', () => {
    expect(() => blocks({ metric: 'per-coordinate' })).toThrow(
      'method "rpp", option "metric": expected scalar with pattern 1x4: one threshold shrinks a block',
    );
  });
});

describe('what has no blocks', () => {
  it.each(['magnitude', 'nip', 'prune-once', 'rpp'])(
    '%s refuses XLNet’s attention before training',
    (name) => {
      const check = (options: object): void => methodNamed(name).create(options).check?.(tinyFamily('xlnet'));
      expect(() => check({ pattern: '1x4' })).toThrow(UsageError);
      expect(() => check({ pattern: '1x4' })).toThrow(/transformer\.layer\.0\.rel_attn\.\w of 16 x 2 x 8/);
      expect(() => check({ pattern: '1x4', names: 'ff.layer' })).not.toThrow();
      expect(() => check({})).not.toThrow();
      expect(() => check({ pattern: '2:4' })).toThrow(/option "pattern"/);
    },
  );
});
