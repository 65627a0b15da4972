// CRC-32C in WebAssembly; format/crc32c.ts is its naive twin. A CRC is a remainder of polynomials over GF(2), and modulo this one's
// y^209 = y^144 + y^54 + y^39 + y^14 + 1, where y is the step from sixteen bytes to the next: so sixteen bytes may as well be added
// to those 65, 155, 170, 195 and 209 steps on. Only the last 209 steps are divided, by tables.
import { count, words } from '../kernels/kernel.js';
import { defineFunction, type Expr, i32, select, v128 } from '../wasm/assembler.js';
import { FIXED } from './fixed.js';

const STEP = 16;
/** Ascending. */
const STEPS_ON = [65, 155, 170, 195, 209] as const;
const LEFT = STEP * 209;

/** The entry of a byte of a word, which `by` further bytes follow. */
const entryOf = (word: Expr<'i32'>, byte: number, by: number): Expr<'i32'> => {
  const place = byte === 0 ? i32.shl(word, 2) : i32.shrU(word, 8 * byte - 2);
  return i32.load(i32.and(place, 4 * 255), FIXED.crc + 1024 * by);
};

/**
 * The register `state` after `bytes` more from `from`, which are written over; a checksum begins at -1 and is the register's
 * complement.
 */
export const crc = defineFunction(words('state', 'from', 'bytes'), (body, { state, from, bytes }) => {
  const end = body.let(i32.add(from, bytes));
  const folded = body.let(i32.and(select(i32.ltU(bytes, LEFT), 0, i32.sub(bytes, LEFT)), -STEP));
  body.when(folded, () => {
    body.store(from, i32.xor(i32.load(from), state));
    body.set(state, 0);
    body.range(from, i32.add(from, folded), STEP, (at) => {
      const word = body.let(v128.load(at));
      for (const steps of STEPS_ON) body.store(at, v128.xor(v128.load(at, STEP * steps), word), STEP * steps);
    });
    body.set(from, i32.add(from, folded));
  });
  const whole = body.let(i32.add(from, i32.and(i32.sub(end, from), -4)));
  body.range(from, whole, 4, (at) => {
    const word = body.let(i32.xor(i32.load(at), state));
    body.set(
      state,
      count(4)
        .map((byte) => entryOf(word, byte, 3 - byte))
        .reduce(i32.xor),
    );
  });
  body.range(whole, end, 1, (at) => {
    body.set(state, i32.xor(i32.shrU(state, 8), entryOf(i32.xor(state, i32.load8U(at)), 0, 0)));
  });
  return state;
});
