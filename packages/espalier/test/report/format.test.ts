import { expect, it } from 'vitest';
import { formatBytes, formatDuration, formatNumber } from '../../src/report/format.js';

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1.0 kB'],
  [1536, '1.5 kB'],
  [999_949, '999.9 kB'],
  [999_950, '1.0 MB'],
  [43_210_000, '43.2 MB'],
  [5e9, '5.0 GB'],
  [2e15, '2000.0 TB'],
])('formatBytes(%d) is %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it.each([
  [0, '0 ms'],
  [0.0852, '85 ms'],
  [0.9996, '1.0 s'],
  [4.23, '4.2 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min 00 s'],
  [185, '3 min 05 s'],
  [3599.6, '1 h 00 min'],
  [7800, '2 h 10 min'],
  [7199.9, '2 h 00 min'],
  [Infinity, '-'],
])('formatDuration(%d) is %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

it.each([
  [0, '0'],
  [42, '42'],
  [109_482_240, '109,482,240'],
  [-1234567, '-1,234,567'],
  [0.93121, '0.9312'],
  [12.3456, '12.35'],
  [0.5, '0.5'],
  [12345.6, '12,346'],
  [0.0000123, '1.23e-5'],
  [NaN, '-'],
  [null, '-'],
  [undefined, '-'],
])('formatNumber(%s) is %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});
