import { describe, expect, test } from 'vitest';
import { accumulateTwin, scaleTwin, sumOfSquaresTwin } from '../../src/engine/kernels/linear.js';
import { applyMaskTwin, countNonzeroTwin, maskedCopyTwin } from '../../src/engine/kernels/mask.js';
import { scatterAddRowsTwin } from '../../src/engine/kernels/rows.js';
import { arena, bits, EDGE_LENGTHS, numbers, randomFloats, randomMask } from './arrays.js';

describe.each(EDGE_LENGTHS)('kernels over %i values', (n) => {
  test('scale, accumulate and the sum of squares equal their twins', () => {
    const memory = arena();
    const x = memory.floats(randomFloats(n, 1));
    const y = memory.floats(randomFloats(n, 2));
    const [xTwin, yTwin] = [x.slice(), y.slice()];
    memory.run.scale({ x: x.byteOffset, n, a: 0.3 });
    scaleTwin(xTwin, 0.3);
    expect(bits(x)).toEqual(bits(xTwin));
    memory.run.accumulate({ y: y.byteOffset, x: x.byteOffset, n, a: -1.7 });
    accumulateTwin(yTwin, xTwin, -1.7);
    expect(bits(y)).toEqual(bits(yTwin));
    const total = memory.run.sumOfSquares({ x: y.byteOffset, n });
    expect(total).toBe(sumOfSquaresTwin(yTwin));
    expect(total).toBeCloseTo(
      yTwin.reduce((sum, value) => sum + value * value, 0),
      9,
    );
    memory.expectGuards();
    memory.expectPadding();
  });

  test('a mask gives +0 to whatever it prunes, and non-zeros are counted', () => {
    const memory = arena();
    const values = randomFloats(n, 3);
    const mask = memory.bytes(randomMask(n, 4));
    values.forEach((_, i) => {
      if (mask[i] === 0) values[i] = [-1, -0, Number.NaN, -Infinity][i % 4]!;
      else if (i % 7 === 3) values[i] = -0;
    });
    const x = memory.floats(values);
    const twin = values.slice();
    const y = memory.floats(randomFloats(n, 8));
    const yTwin = y.slice();
    memory.run.maskedCopy({ y: y.byteOffset, x: x.byteOffset, mask: mask.byteOffset, n });
    maskedCopyTwin(yTwin, x, mask);
    expect(bits(y)).toEqual(bits(yTwin));
    expect(bits(x)).toEqual(bits(values));
    memory.run.applyMask({ x: x.byteOffset, mask: mask.byteOffset, n });
    applyMaskTwin(twin, mask);
    expect(bits(x)).toEqual(bits(twin));
    expect(x.every((value, i) => mask[i] !== 0 || Object.is(value, 0))).toBe(true);
    const count = memory.run.countNonzero({ x: x.byteOffset, n });
    expect(count).toBe(countNonzeroTwin(twin));
    expect(count).toBe([...x].filter((value) => value !== 0).length);
    memory.expectGuards();
    memory.expectPadding();
  });
});

test('squares that overflow or vanish in f32 are summed in f64', () => {
  const memory = arena();
  const x = memory.floats([1e30, 1e-30]);
  expect(memory.run.sumOfSquares({ x: x.byteOffset, n: 1 })).toBe(Math.fround(1e30) ** 2);
  x[0] = 0;
  expect(memory.run.sumOfSquares({ x: x.byteOffset, n: 2 })).toBe(Math.fround(1e-30) ** 2);
});

test.each([1, 3, 4, 6, 16, 31, 128])(
  'rows of width %i are scattered in order, repeated ids added',
  (width) => {
    const memory = arena();
    const next = numbers(width);
    const tableRows = 9;
    const count = 40;
    const table = memory.floats(randomFloats(tableRows * width, 5));
    const rows = memory.floats(randomFloats(count * width, 6));
    const ids = memory.ints(Array.from({ length: count }, () => Math.floor(((next() + 1) / 2) * tableRows)));
    const twin = table.slice();
    memory.run.scatterAddRows({
      table: table.byteOffset,
      ids: ids.byteOffset,
      rows: rows.byteOffset,
      count,
      width,
    });
    scatterAddRowsTwin(twin, ids, rows, width);
    expect(bits(table)).toEqual(bits(twin));
    memory.expectGuards();
    memory.expectPadding();
  },
);
