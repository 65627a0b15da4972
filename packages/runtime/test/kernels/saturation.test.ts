// The edges of the integer kernels: the largest sums that their scaling allows, compared with exact products.
import '../support/relaxed.js';
import { bindable } from '../support/bindable.js';
import { describe, expect, it } from 'vitest';
import { availableLevels } from '../../src/kernels/levels.js';
import { writeConstants } from '../../src/kernels/constants.js';
import { int8Kernels } from '../../src/kernels/int8.js';
import { isWide } from '../../src/kernels/int8-layout.js';
import { type Shape, viewsOf } from '../../src/kernels/kernel.js';
import { quantiseRow } from '../../src/kernels/q15.js';
import { quantiseQ15 } from '../../src/kernels/quantise-layers.js';
import { LARGEST_QUAD } from '../../src/kernels/spmm-quads.js';
import { spmmQ15 } from '../../src/kernels/spmm-q15.js';

const shape: Shape = { tile: 8, headSize: 1 };
const linear = new WebAssembly.Memory({ initial: 16 });
writeConstants(linear);
const views = viewsOf(linear);
const { i8, u8, i16, u16, i32, f32 } = views;
const AT = { x: 4096, q: 262144, entries: 524288, y: 600000, small: 1024 };
const small = (slot: number): number => AT.small + 64 * slot;

describe.each(availableLevels())('%s', (level) => {
  it.each([1, 2, 5, 96, 768, 3072])(
    'q15: a token along a row of %i non-zeros, the largest sum there is, does not wrap around',
    (columns) => {
      for (const sign of [1, -1]) {
        const values = Float32Array.from({ length: columns }, (_, i) => 3 * Math.cos(i) + 0.1);
        values.forEach((value, i) => f32.fill(sign * 10 * value, AT.x / 4 + 8 * i, AT.x / 4 + 8 * i + 8));
        i16.fill(0, AT.entries / 2, AT.entries / 2 + 2 * columns + 2);
        const scale = quantiseRow(values, columns, (i, value) => {
          i16[AT.entries / 2 + 2 * i] = value;
          u16[AT.entries / 2 + 2 * i + 1] = i;
        });
        f32[small(0) / 4] = scale;
        f32[small(1) / 4] = 0;
        i32.set([0, Math.ceil(columns / 2)], small(2) / 4);
        bindable(quantiseQ15, shape, level)(linear)({
          x: AT.x,
          q: AT.q,
          scales: small(3),
          features: columns,
        });
        bindable(spmmQ15, shape, level)(linear)({
          ...{ entries: AT.entries, order: small(2), x: AT.q, y: AT.y, rows: 1 },
          ...{ scales: small(0), tokenScales: small(3), bias: small(1) },
        });
        const exact = sign * 10 * values.reduce((sum, value) => sum + value * value, 0);
        expect(Math.abs(f32[AT.y / 4]! / exact - 1)).toBeLessThan(2e-3);
      }
    },
  );

  it.each([
    ['spmmInt8', 4, 1],
    ['spmmInt8', 4, -1],
    ['spmmQuads', 1, 1],
    ['spmmQuads', 1, -1],
  ] as const)(
    '%s: the largest weights, %i a column, are exact over 3,072 columns (sign %i)',
    (name, width, sign) => {
      const kernels = int8Kernels(level);
      const spmm = name === 'spmmInt8' ? kernels.spmm : kernels.spmmQuads;
      const wide = isWide(level);
      const columns = 3072;
      const [w, x] = wide
        ? [i16.subarray(AT.entries / 2), i16.subarray(AT.x / 2)]
        : [i8.subarray(AT.entries), u8.subarray(AT.x)];
      w.fill(sign * LARGEST_QUAD, 0, columns);
      const sum = sign * LARGEST_QUAD * columns;
      x.fill(127, 0, columns * 8);
      for (let i = 0; i < columns / width; i++) u16[AT.q / 2 + i] = (i * 5) % (columns / width);
      i32.set([0, columns / 8], small(2) / 4);
      i32[small(4) / 4] = -64 * sum;
      f32[small(0) / 4] = 1;
      f32[small(1) / 4] = 0;
      f32.fill(1, small(3) / 4, small(3) / 4 + 8);
      bindable(spmm, shape, level)(linear)({
        ...{ values: AT.entries, columns: AT.q, order: small(2), x: AT.x, y: AT.y, rows: 1 },
        ...{ offsets: small(4), scales: small(0), tokenScales: small(3), bias: small(1) },
      });
      expect([...f32.subarray(AT.y / 4, AT.y / 4 + 8)]).toEqual(new Array(8).fill(63 * sum));
    },
  );
});
