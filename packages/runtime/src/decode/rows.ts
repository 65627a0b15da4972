// Rows of a sparse layer on their way to where they stand, in WebAssembly. What encoder/row-order.ts does with arrays is the naive twin.
import { increase, words } from '../kernels/kernel.js';
import { type Body, defineFunction, type Expr, i32, type Local, type Operand } from '../wasm/assembler.js';

const afterCounts = (counts: Expr<'i32'>, rows: Expr<'i32'>): Expr<'i32'> =>
  i32.add(counts, i32.shl(rows, 1));

/**
 * Where rows of counts u16 [rows] stand: order i32 [rows, 2] and starts i32 [rows], in units of 2^shift entries, with zeros at
 * `places`, i32 of two more than the units that a row can have, up to `last`.
 */
export const order = defineFunction(
  words('counts', 'rows', 'shift', 'places', 'last', 'order', 'starts'),
  (body, { counts, rows, shift, places, last, order, starts }) => {
    const more = body.let(i32.add(i32.shl(1, shift), -1));
    const eachRow = (visit: (units: Local<'i32'>, place: Local<'i32'>) => void): void => {
      body.range(counts, afterCounts(counts, rows), 2, (at) => {
        const units = body.let(i32.shrU(i32.add(i32.load16U(at), more), shift));
        visit(units, body.let(i32.add(places, i32.shl(units, 2))));
      });
    };
    eachRow((_, place) => {
      body.store(place, i32.add(i32.load(place, 4), 1), 4);
    });
    const before = body.let(0);
    body.range(places, last, 4, (place) => {
      increase(body, before, i32.load(place));
      body.store(place, before);
    });
    const row = body.let(0);
    eachRow((units, place) => {
      const to = body.let(i32.load(place));
      body.store(place, i32.add(to, 1));
      const at = body.let(i32.add(order, i32.shl(to, 3)));
      body.store(at, row);
      body.store(at, units, 4);
      increase(body, row, 1);
    });
    const entries = body.let(0);
    body.range(order, i32.add(order, i32.shl(rows, 3)), 8, (at) => {
      body.store(i32.add(starts, i32.shl(i32.load(at), 2)), entries);
      increase(body, entries, i32.shl(i32.load(at, 4), shift));
    });
  },
);

/** Rows of counts u16 [rows], and the address at which the entries of each stand, of so many bytes, by starts i32 [rows]. */
export function eachCount(
  body: Body,
  { counts, starts, rows, out }: Readonly<Record<'counts' | 'starts' | 'rows' | 'out', Local<'i32'>>>,
  bytes: Operand<'i32'>,
  visit: (count: Local<'i32'>, to: Local<'i32'>) => void,
): void {
  body.range(counts, afterCounts(counts, rows), 2, (at) => {
    visit(body.let(i32.load16U(at)), body.let(i32.add(out, i32.mul(i32.load(starts), bytes))));
    increase(body, starts, 4);
  });
}
