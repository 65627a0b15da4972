import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { patternHash, zeroFraction } from '../../src/engine/pattern.js';

const a = Float32Array.of(0, 1, -0, 2, 0, 3, 4, 5, 0, Number.NaN);
const b = Float32Array.of(1, 2);

test('the hash is of names, lengths and zero bitmaps in the documented layout', () => {
  const expected = createHash('sha256')
    .update('"a" 10\n')
    .update(Uint8Array.of(0b00010101, 0b00000001))
    .update('"b" 2\n')
    .update(Uint8Array.of(0))
    .digest('hex');
  expect(
    patternHash([
      ['a', a],
      ['b', b],
    ]),
  ).toBe(expected);
});

test('it depends on zeros, names and lengths, but neither on values nor on order', () => {
  const hash = patternHash([
    ['a', a],
    ['b', b],
  ]);
  expect(
    patternHash(
      new Map([
        ['b', b.map((x) => 7 * x)],
        ['a', a],
      ]),
    ),
  ).toBe(hash);
  const others: [string, Float32Array][][] = [
    [
      ['a', a.with(1, 0)],
      ['b', b],
    ],
    [
      ['a', a.with(0, 1)],
      ['b', b],
    ],
    [
      ['a', a],
      ['c', b],
    ],
    [
      ['a', a],
      ['b', Float32Array.of(1, 2, 3)],
    ],
    [
      ['a', b],
      ['b', a],
    ],
    [['a', a]],
    [],
  ];
  const hashes = others.map((entries) => patternHash(entries));
  expect(new Set([hash, ...hashes]).size).toBe(others.length + 1);
});

test('zeroFraction is over all weights together', () => {
  expect(zeroFraction([a, b])).toBe(4 / 12);
  expect(zeroFraction([])).toBe(0);
});
