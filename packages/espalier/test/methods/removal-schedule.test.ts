// When heads and neurons go: golden values of the schedules, places of the removals, and targets.
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { goneAfter, removalSteps } from '../../src/methods/removal-schedule.js';
import { removalTargets } from '../../src/methods/removal-targets.js';
import { random } from '../../src/random.js';
import { expectNear } from '../support/near.js';

describe('goneAfter', () => {
  it.each([
    ['one-shot', 1, [1]],
    ['one-shot', 4, [1, 1, 1, 1]],
    ['linear', 1, [1]],
    ['linear', 4, [0.25, 0.5, 0.75, 1]],
    ['cubic', 1, [1]],
    ['cubic', 2, [0.875, 1]], // 1 - (1/2)^3
    ['cubic', 4, [37 / 64, 56 / 64, 63 / 64, 1]],
    ['cubic', 10, [0.271, 0.488, 0.657, 0.784, 0.875, 0.936, 0.973, 0.992, 0.999, 1]],
  ] as const)('%s in %i rounds', (schedule, rounds, expected) => {
    const found = [...expected.keys()].map((i) => goneAfter(i + 1, { schedule, rounds }));
    expectNear(found, expected, 1e-12);
    expect(found.at(-1)).toBe(1);
  });
});

describe('removalSteps', () => {
  const whole = { schedule: 'linear', rounds: 4, start: 0, end: 1 } as const;

  it('stand at the beginnings of equal parts of the window', () => {
    expect(removalSteps(100, 1, whole)).toEqual([1, 25, 50, 75]);
    expect(removalSteps(100, 1, { ...whole, start: 0.2, end: 0.6 })).toEqual([20, 30, 40, 50]);
    expect(removalSteps(100, 1, { ...whole, schedule: 'one-shot', start: 0.3 })).toEqual([30]);
  });

  it('wait for the first scores, and are within the stage', () => {
    expect(removalSteps(100, 8, whole)).toEqual([8, 25, 50, 75]);
    expect(removalSteps(2, 1, whole)).toEqual([1, 1, 1, 2]);
    expect(removalSteps(5, 1, { ...whole, start: 1 })).toEqual([5, 5, 5, 5]);
  });
});

describe('removalTargets', () => {
  it('never ask for more than the fraction, over all blocks or in each', () => {
    const options = { fraction: 0.29, minimum: 1, ranking: 'global' } as const;
    expect(removalTargets('neurons', [60, 40], options)).toEqual([{ blocks: [0, 1], count: 29, asked: 29 }]);
    expect(removalTargets('neurons', [60, 40], { ...options, ranking: 'layer' })).toEqual([
      { blocks: [0], count: 17, asked: 17 },
      { blocks: [1], count: 11, asked: 11 },
    ]);
  });

  it('leave every block its minimum, and say what was asked', () => {
    const options = { fraction: 0.9, minimum: 1, ranking: 'global' } as const;
    expect(removalTargets('heads', [4, 4, 4, 4], options)).toEqual([
      { blocks: [0, 1, 2, 3], count: 12, asked: 14 },
    ]);
    expect(removalTargets('heads', [0, 1, 4], options)[0]!.count).toBe(3); // a block may have come without any
  });

  it('refuse to remove all where some must stay', () => {
    const all = { fraction: 1, minimum: 1, ranking: 'layer' } as const;
    expect(() => removalTargets('heads', [4, 4], all)).toThrow(UsageError);
    expect(() => removalTargets('heads', [4, 4], all)).toThrow(
      'option "heads": expected less than 1: a model without any head reads its first token alone',
    );
    expect(() => removalTargets('neurons', [4], all)).toThrow(/minimumNeurons/);
    expect(() => removalTargets('heads', [4, 4], { ...all, minimum: 0 })).toThrow(/first token alone/);
    const free = removalTargets('neurons', [4, 4], { ...all, minimum: 0 });
    expect(free.map(({ count }) => count)).toEqual([4, 4]);
  });

  it('hold for any counts and fractions', () => {
    const generator = random(1, 'targets');
    for (let run = 0; run < 200; run++) {
      const counts = Array.from({ length: 1 + generator.integer(5) }, () => generator.integer(20));
      const minimum = generator.integer(4);
      const fraction = 0.999 * generator.uniform();
      const ranking = run % 2 === 0 ? 'global' : 'layer';
      for (const { blocks, count, asked } of removalTargets('heads', counts, {
        fraction,
        minimum,
        ranking,
      })) {
        const all = blocks.reduce((sum, block) => sum + counts[block]!, 0);
        expect(count).toBeLessThanOrEqual(asked);
        expect(asked / Math.max(1, all)).toBeLessThanOrEqual(fraction + 1e-9);
        expect(asked).toBeGreaterThan(fraction * all - 1);
        const least = blocks.reduce((sum, block) => sum + Math.min(counts[block]!, minimum), 0);
        expect(all - count).toBeGreaterThanOrEqual(least);
      }
    }
  });
});
