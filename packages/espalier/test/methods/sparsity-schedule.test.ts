// Sparsity ramps: golden values of the cubic ramp of Prune Once for All, and where NIP's steps begin and end.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cubicSparsity, steppedSparsity } from '../../src/methods/sparsity-schedule.js';

describe('cubicSparsity', () => {
  it.each([
    [0, 0, 0],
    [5000, 0.2439, 0.23035],
    [10_000, 0.4392, 0.4148],
    [25_000, 0.7875, 0.74375],
    [40_000, 0.8928, 0.8432],
    [50_000, 0.9, 0.85],
    [90_000, 0.9, 0.85],
  ])('at step %i of a ramp of 50,000 is %f for 90 %% and %f for 85 %%', (step, ninety, eightyFive) => {
    const ramp = { initial: 0, start: 0, end: 50_000 };
    expect(cubicSparsity(step, { ...ramp, final: 0.9 })).toBeCloseTo(ninety, 10);
    expect(cubicSparsity(step, { ...ramp, final: 0.85 })).toBeCloseTo(eightyFive, 10);
  });

  it('is flat before and after, and jumps when start and end are one step', () => {
    const ramp = { initial: 0.1, final: 0.5, start: 10, end: 20 };
    expect(cubicSparsity(10, ramp)).toBe(0.1);
    expect(cubicSparsity(3, ramp)).toBe(0.1);
    expect(cubicSparsity(20, ramp)).toBe(0.5);
    expect(cubicSparsity(9, { ...ramp, end: 10 })).toBe(0.1);
    expect(cubicSparsity(10, { ...ramp, end: 10 })).toBe(0.5);
  });
});

describe('steppedSparsity', () => {
  it('rises in equal steps, none at the start and all of them at the end', () => {
    const rises = fc.record({
      start: fc.integer({ min: 0, max: 100 }),
      width: fc.integer({ min: 1, max: 200 }),
      increments: fc.integer({ min: 1, max: 40 }),
      final: fc.double({ min: 0.1, max: 0.99, noNaN: true }),
    });
    fc.assert(
      fc.property(rises, ({ start, width, increments, final }) => {
        const ramp = { initial: 0, final, start, end: start + width };
        const values = Array.from({ length: width + 2 }, (_, i) =>
          steppedSparsity(start - 1 + i, ramp, increments),
        );
        expect(values.slice(0, 2)).toEqual([0, 0]);
        expect(values.at(-1)).toBe(final);
        const multiples = values.map((value) => (value / final) * increments);
        expect(multiples.every((taken) => Math.abs(taken - Math.round(taken)) < 1e-8)).toBe(true);
        expect(multiples.every((taken, i) => i === 0 || taken >= multiples[i - 1]!)).toBe(true);
      }),
    );
  });

  it('takes the k-th of n steps when k n-ths of the way are done', () => {
    const ramp = { initial: 0.1, final: 0.7, start: 0, end: 21 };
    expect([6, 7, 13, 14, 20, 21].map((step) => steppedSparsity(step, ramp, 3))).toEqual(
      [0.1, 0.3, 0.3, 0.5, 0.5, 0.7].map((value): unknown => expect.closeTo(value, 12)),
    );
  });
});
