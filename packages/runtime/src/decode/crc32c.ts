// CRC-32C in WebAssembly, sixteen bytes at a time; format/crc32c.ts is its naive twin.
import { TABLES } from '../format/crc32c.js';
import { count, words } from '../kernels/kernel.js';
import { defineFunction, type Expr, i32 } from '../wasm/assembler.js';
import { CRC_TABLES, FIXED } from './fixed.js';

/** Table k advances a byte by k further bytes of zeros. */
export function writeCrcTables(to: Int32Array): void {
  to.set(TABLES);
  for (let i = TABLES.length; i < 256 * CRC_TABLES; i++) {
    const before = to[i - 256]!;
    to[i] = (before >>> 8) ^ to[before & 255]!;
  }
}

const xor = (a: Expr<'i32'>, b: Expr<'i32'>): Expr<'i32'> => i32.xor(a, b);

/** The entry of a byte, given where in a table it stands. */
const advanced = (place: Expr<'i32'>, by: number): Expr<'i32'> => i32.load(place, FIXED.crc + 1024 * by);

/** Where the entry of byte `i` of a word stands: four times the byte. */
const placeOf = (word: Expr<'i32'>, i: number): Expr<'i32'> =>
  i32.and(i === 0 ? i32.shl(word, 2) : i32.shrU(word, 8 * i - 2), 4 * 255);

/** The register `state` after `bytes` more from `from`; a checksum begins at -1 and is the register's complement. */
export const crc = defineFunction(words('state', 'from', 'bytes'), (body, { state, from, bytes }) => {
  const end = body.let(i32.add(from, bytes));
  const whole = body.let(i32.add(from, i32.and(bytes, -16)));
  body.range(from, whole, 16, (at) => {
    const first = body.let(i32.xor(i32.load(at), state));
    const rest = [4, 8, 12].map((byte) => body.let(i32.load(at, byte)));
    const parts = [first, ...rest].flatMap((word, w) =>
      count(4).map((i) => advanced(placeOf(word, i), CRC_TABLES - 1 - 4 * w - i)),
    );
    // Those that do not wait for the register come first.
    body.set(state, [...parts.slice(4), ...parts.slice(0, 4)].reduce(xor));
  });
  body.range(whole, end, 1, (at) => {
    const low = placeOf(i32.xor(state, i32.load8U(at)), 0);
    body.set(state, i32.xor(i32.shrU(state, 8), advanced(low, 0)));
  });
  return state;
});
