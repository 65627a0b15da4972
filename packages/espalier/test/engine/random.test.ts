import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  dropoutScalars,
  fillDropoutTwin,
  fillNormal,
  fillUniformTwin,
  type RandomKey,
  randomKey,
  randomWord,
  uniformScalars,
} from '../../src/engine/kernels/random.js';
import { arena, bits, EDGE_LENGTHS } from './arrays.js';

const N = 400_000;
const large = arena(4 * N + 4096);
const buffer = large.floats(new Float32Array(N));

function dropout(p: number, [k0, k1, k2]: RandomKey): Float32Array {
  large.run.fillDropout({ out: buffer.byteOffset, n: N, ...dropoutScalars(p), k0, k1, k2 });
  return buffer.slice();
}

function uniform(low: number, high: number, [k0, k1, k2]: RandomKey): Float32Array {
  large.run.fillUniform({ out: buffer.byteOffset, n: N, ...uniformScalars(low, high), k0, k1, k2 });
  return buffer.slice();
}

const mean = (x: Float32Array): number => x.reduce((sum, value) => sum + value, 0) / x.length;

/** Pearson correlation of x_i with y_(i + lag). Its standard deviation for independent values is 1/sqrt(n). */
function correlation(x: Float32Array, y: Float32Array, lag = 0): number {
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i + lag < x.length; i++) {
    const [dx, dy] = [x[i]! - mx, y[i + lag]! - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / Math.sqrt(xx * yy);
}

const FIVE_SIGMA = 5 / Math.sqrt(N);

test.each(EDGE_LENGTHS)('fills of %i values equal their twins', (n) => {
  fc.assert(
    fc.property(
      fc.tuple(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1)),
      fc.constantFrom(0, 0.1, 0.5, 0.99999),
      ([k0, k1, k2], p) => {
        const memory = arena(65536);
        const out = memory.floats(new Float32Array(n));
        const twin = new Float32Array(n);
        memory.run.fillDropout({ out: out.byteOffset, n, ...dropoutScalars(p), k0, k1, k2 });
        fillDropoutTwin(twin, p, [k0, k1, k2]);
        expect(bits(out)).toEqual(bits(twin));
        memory.run.fillUniform({ out: out.byteOffset, n, ...uniformScalars(-1.5, 2), k0, k1, k2 });
        fillUniformTwin(twin, -1.5, 2, [k0, k1, k2]);
        expect(bits(out)).toEqual(bits(twin));
        memory.expectGuards();
      },
    ),
    { numRuns: 5 },
  );
});

describe('dropout factors', () => {
  test.each([0.1, 0.5, 0.9])('at p = %d are 0 or 1/(1 - p), with the right mean', (p) => {
    const x = dropout(p, randomKey(1, 2, 3));
    expect(new Set(x)).toEqual(new Set([0, Math.fround(1 / (1 - p))]));
    const dropped = x.reduce((count, value) => count + (value === 0 ? 1 : 0), 0) / N;
    expect(Math.abs(dropped - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / N) + 2 ** -17);
  });

  test('at p = 0 are all one; p outside [0, 1) is refused', () => {
    expect(new Set(dropout(0, randomKey(1)))).toEqual(new Set([1]));
    for (const p of [1, -0.1, Number.NaN]) expect(() => dropoutScalars(p)).toThrow(/p must be in \[0, 1\)/);
  });

  test('are uncorrelated with themselves at any lag', () => {
    const x = dropout(0.5, randomKey(5));
    const lags = [1, 2, 3, 4, 7, 8, 16, 32, 64, 128, 312, 768, 1024, 2048, 3072, 65536, 98304];
    for (const lag of lags) expect(Math.abs(correlation(x, x, lag)), `lag ${lag}`).toBeLessThan(FIVE_SIGMA);
  });

  test('of neighbouring seeds, streams and steps are uncorrelated, also when shifted', () => {
    const keys = [
      [1, 2, 3],
      [2, 2, 3],
      [1, 3, 3],
      [1, 2, 4],
      [1, 2, 2 ** 31],
      [3, 2, 1],
      [1, 2],
    ].map((words) => randomKey(...words));
    // Also keys that share two words, as no two made by randomKey will. (Were only the last word to differ, by
    // one, a single round would be left to tell them apart, and masks at 0.5 would correlate by 0.009.)
    const [k0, k1, k2] = keys[0]!;
    keys.push([k0 ^ 1, k1, k2], [k0, k1 ^ 1, k2]);
    const masks = keys.map((key) => dropout(0.5, key));
    const first = masks[0]!;
    for (const [index, other] of masks.slice(1).entries()) {
      for (const lag of [0, 1, 2, 8, 16]) {
        expect(Math.abs(correlation(first, other, lag)), `key ${index + 1}, lag ${lag}`).toBeLessThan(
          FIVE_SIGMA,
        );
      }
    }
    // This test can fail: adding 64 to the first word alone is a shift by 64 words, 128 values.
    expect(correlation(dropout(0.5, [k0 + 64, k1, k2]), first, 128)).toBeCloseTo(1, 6);
  });

  test('fall evenly on each position of a vector and each pattern of eight', () => {
    const x = dropout(0.5, randomKey(8, 1));
    const patterns = new Float64Array(256);
    for (let i = 0; i < N; i += 8) {
      let pattern = 0;
      for (let j = 0; j < 8; j++) pattern |= x[i + j] === 0 ? 1 << j : 0;
      patterns[pattern]!++;
    }
    const expected = N / 8 / 256;
    const chiSquare = patterns.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(255 + 5 * Math.sqrt(2 * 255));
  });
});

describe('words and keys', () => {
  test('one key gives each word once: it permutes the counters', () => {
    const key = randomKey(9);
    const words = new Set(Array.from({ length: 100_000 }, (_, i) => randomWord(key, i)));
    expect(words.size).toBe(100_000);
  });

  test('flipping any bit of the counter or the key flips half of the bits of a word', () => {
    const flips = (f: (bit: number) => RandomKey, counterBit: (bit: number) => number) => {
      for (let bit = 0; bit < 32; bit++) {
        let flipped = 0;
        for (let i = 0; i < 2000; i++) {
          let difference = randomWord(key, i * 977) ^ randomWord(f(bit), (i * 977) ^ counterBit(bit));
          for (; difference !== 0; difference &= difference - 1) flipped++;
        }
        expect(Math.abs(flipped / (2000 * 32) - 0.5), `bit ${bit}`).toBeLessThan(0.02);
      }
    };
    const key = randomKey(10, 11);
    flips(
      () => key,
      (bit) => 1 << bit,
    );
    flips(
      (bit) => [key[0], key[1] ^ (1 << bit), key[2]],
      () => 0,
    );
  });

  test('are functions of their words, which must be 32-bit integers', () => {
    expect(randomKey(1, 2, 3)).toEqual(randomKey(1, 2, 3));
    const keys = [[], [0], [0, 0], [1], [1, 0], [0, 1], [2 ** 32 - 1]].map((words) =>
      randomKey(...words).join(),
    );
    expect(new Set(keys).size).toBe(keys.length);
    const neighbours = Array.from({ length: 1000 }, (_, step) => randomKey(1, 2, step));
    for (const word of [0, 1, 2]) expect(new Set(neighbours.map((key) => key[word])).size).toBe(1000);
    for (const word of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => randomKey(word)).toThrow(/integers/);
  });
});

describe('distributions', () => {
  test('uniform values fill [low, high) evenly', () => {
    const x = uniform(-1, 3, randomKey(12));
    expect(x.every((value) => value >= -1 && value < 3)).toBe(true);
    const counts = new Float64Array(64);
    for (const value of x) counts[Math.floor((value + 1) * 16)]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - N / 64) ** 2 / (N / 64), 0);
    expect(chiSquare).toBeLessThan(63 + 5 * Math.sqrt(2 * 63));
    for (const lag of [1, 2, 4, 768]) expect(Math.abs(correlation(x, x, lag))).toBeLessThan(FIVE_SIGMA);
  });

  test('normal values have the moments of the normal distribution', () => {
    const x = new Float32Array(300_001);
    fillNormal(x, 0, 1, randomKey(13));
    const moment = (k: number) => x.reduce((sum, value) => sum + value ** k, 0) / x.length;
    const sigma = 1 / Math.sqrt(x.length);
    expect(Math.abs(moment(1))).toBeLessThan(5 * sigma);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2) * sigma);
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15) * sigma);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96) * sigma);
    expect(Math.abs(correlation(x, x, 1))).toBeLessThan(5 * sigma);
    const shifted = new Float32Array(5);
    fillNormal(shifted, 2, 0.5, randomKey(13));
    shifted.forEach((value, i) => {
      expect(value).toBeCloseTo(2 + 0.5 * x[i]!, 6);
    });
  });
});
