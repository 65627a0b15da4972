// Threefry against the published known answers, and the streams built on it against their distributions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random, threefry2x32 } from '../src/random.js';

describe('threefry2x32', () => {
  // Known answers of Random123 (D. E. Shaw Research), file kat_vectors, "threefry2x32 20".
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x243f6a88, 0x85a308d3],
      [0x13198a2e, 0x03707344],
      [0xc4923a9c, 0x483df7a0],
    ],
  ])('counter %j, key %j', (counter, key, expected) => {
    const out = new Uint32Array(2);
    threefry2x32(key[0]!, key[1]!, counter[0]!, counter[1]!, out);
    expect([...out]).toEqual(expected);
  });
});

const draw = (count: number, next: () => number): number[] => Array.from({ length: count }, next);
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

describe('streams', () => {
  it('repeat', () => {
    fc.assert(
      fc.property(fc.integer(), fc.array(fc.oneof(fc.integer(), fc.string())), (seed, names) => {
        const [a, b] = [random(seed, ...names), random(seed, ...names)];
        expect(draw(5, a.uint32)).toEqual(draw(5, b.uint32));
      }),
    );
  });

  it('keep their values: a change breaks every recorded run', () => {
    expect(draw(3, random(0).uint32)).toMatchInlineSnapshot(`
      [
        1337285391,
        701966422,
        3408616688,
      ]
    `);
    expect(draw(3, random(1, 'batches', 2).uint32)).toMatchInlineSnapshot(`
      [
        3169876139,
        3695010558,
        113230501,
      ]
    `);
  });

  it('differ by seed and by every name, however these are cut', () => {
    const streams: [number, ...(number | string)[]][] = [
      [0],
      [1],
      [-1],
      [0.5],
      [2 ** 32],
      [0, 0],
      [0, '0'],
      [0, 'a', 'b'],
      [0, 'ab'],
      [0, 'a,b'],
      [0, 'a', 0],
      [0, 'a', 1],
      [1, 'a', 0],
      [0, 'b', 'a'],
    ];
    const firsts = streams.map(([seed, ...names]) => random(seed, ...names).uint32());
    expect(new Set(firsts).size).toBe(streams.length);
  });

  it('neighbours are uncorrelated', () => {
    const count = 20_000;
    for (const [a, b] of [
      [random(0, 'x'), random(1, 'x')],
      [random(0, 'x', 0), random(0, 'x', 1)],
    ] as const) {
      const products = draw(count, () => (a.uniform() - 0.5) * (b.uniform() - 0.5));
      // Standard error of the mean product: 1/12 over the root of the count.
      expect(Math.abs(mean(products))).toBeLessThan(4 / 12 / Math.sqrt(count));
    }
  });
});

describe('distributions', () => {
  it('each bit of uint32 is even', () => {
    const count = 40_000;
    const words = draw(count, random(3, 'bits').uint32);
    for (let bit = 0; bit < 32; bit++) {
      const ones = words.filter((word) => (word >>> bit) & 1).length;
      expect(Math.abs(ones - count / 2), `bit ${bit}`).toBeLessThan(4.5 * Math.sqrt(count / 4));
    }
  });

  it('uniform fills [0, 1) evenly', () => {
    const count = 100_000;
    const bins = new Array<number>(100).fill(0);
    for (const value of draw(count, random(4).uniform)) {
      expect(value >= 0 && value < 1).toBe(true);
      bins[Math.floor(value * 100)]! += 1;
    }
    const chiSquare = bins.reduce((sum, found) => sum + (found - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(149); // 99.9 % point at 99 degrees of freedom is 148.2
  });

  it('integer is even over its range and refuses others', () => {
    const generator = random(5);
    const bins = new Array<number>(7).fill(0);
    for (const value of draw(70_000, () => generator.integer(7))) bins[value]! += 1;
    const chiSquare = bins.reduce((sum, found) => sum + (found - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(22.5); // 99.9 % point at 6 degrees of freedom
    expect(generator.integer(1)).toBe(0);
    for (const n of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
      expect(() => generator.integer(n)).toThrow(RangeError);
  });

  it('integer has no bias where 2^32 is no multiple of n', () => {
    const n = 3 * 2 ** 30; // a plain remainder would hit the lowest third twice as often
    const generator = random(6);
    const low = draw(30_000, () => generator.integer(n)).filter((value) => value < n / 3).length;
    expect(Math.abs(low - 10_000)).toBeLessThan(4.5 * Math.sqrt(30_000 * (2 / 9)));
  });

  it('normal has mean 0, variance 1 and no skew', () => {
    const count = 100_000;
    const values = draw(count, random(7).normal);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(Math.abs(mean(values))).toBeLessThan(4.5 / Math.sqrt(count));
    expect(Math.abs(mean(values.map((x) => x * x)) - 1)).toBeLessThan(4.5 * Math.sqrt(2 / count));
    expect(Math.abs(mean(values.map((x) => x ** 3)))).toBeLessThan(4.5 * Math.sqrt(15 / count));
  });

  it('shuffle permutes in place, all orders equally likely', () => {
    const generator = random(8);
    const seen = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const list = [0, 1, 2, 3];
      expect(generator.shuffle(list)).toBe(list);
      seen.set(list.join(''), (seen.get(list.join('')) ?? 0) + 1);
    }
    expect(seen.size).toBe(24);
    const chiSquare = [...seen.values()].reduce((sum, found) => sum + (found - 1000) ** 2 / 1000, 0);
    expect(chiSquare).toBeLessThan(49.7); // 99.9 % point at 23 degrees of freedom
  });
});
