import fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderRows } from '../../src/encoder/row-order.js';

const counts = fc.array(fc.nat(40), { maxLength: 60 }).map((of) => Uint16Array.from(of));

it('rows stand one after the other by their units, all of them, each in the room it needs', () => {
  fc.assert(
    fc.property(counts, fc.constantFrom(1, 2, 8), (of, unit) => {
      const { order, starts, total } = orderRows(of, unit);
      const placed = Array.from(of, (_, i) => ({ row: order[2 * i]!, units: order[2 * i + 1]! }));
      let next = 0;
      let before = 0;
      for (const { row, units } of placed) {
        expect(units).toBe(Math.ceil(of[row]! / unit));
        expect(units).toBeGreaterThanOrEqual(before);
        expect(starts[row]).toBe(next);
        next += unit * units;
        before = units;
      }
      expect(total).toBe(next);
      expect(placed.map(({ row }) => row).sort((a, b) => a - b)).toEqual([...of.keys()]);
    }),
  );
});
