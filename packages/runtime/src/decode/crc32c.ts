// CRC-32C in WebAssembly; format/crc32c.ts is its naive twin. A CRC is a remainder of polynomials over GF(2), and modulo this one's
// y^209 = y^144 + y^54 + y^39 + y^14 + 1, where y is the step from sixteen bytes to the next: so sixteen bytes may as well be added
// to those 65, 155, 170, 195 and 209 steps on. Only the last 209 steps are divided, byte by byte.
import { increase, words } from '../kernels/kernel.js';
import { defineFunction, i32, v128 } from '../wasm/assembler.js';
import { DIVIDED, FIXED } from './fixed.js';

const STEP = 16;
const STEPS_ON = [65, 155, 170, 195, 209] as const;

/**
 * The register `state` after `bytes` more from `from`, which are written over and have DIVIDED zeros before them; a checksum begins at
 * -1 and is the register's complement.
 */
export const crc = defineFunction(words('state', 'from', 'bytes'), (body, { state, from, bytes }) => {
  const end = body.let(i32.add(from, bytes));
  body.when(i32.ltU(DIVIDED, bytes), () => {
    body.store(from, i32.xor(i32.load(from), state));
    body.set(state, 0);
    const first = body.let(i32.add(from, -DIVIDED));
    increase(body, from, i32.and(i32.sub(bytes, DIVIDED), -STEP));
    body.range(first, i32.add(from, -DIVIDED), STEP, (at) => {
      const added = STEPS_ON.map((steps) => v128.load(at, DIVIDED - STEP * steps));
      body.store(at, added.reduce(v128.xor, v128.load(at, DIVIDED)), DIVIDED);
    });
    for (const steps of STEPS_ON)
      body.range(i32.add(from, -STEP * steps), from, STEP, (at) => {
        body.store(at, v128.xor(v128.load(at), v128.load(at, STEP * steps)), STEP * steps);
      });
  });
  body.range(from, end, 1, (at) => {
    const place = i32.and(i32.shl(i32.xor(state, i32.load8U(at)), 2), 4 * 255);
    body.set(state, i32.xor(i32.shrU(state, 8), i32.load(place, FIXED.crc)));
  });
  return state;
});
