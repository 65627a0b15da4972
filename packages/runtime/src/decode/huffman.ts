// Huffman codes in WebAssembly (format/huffman.ts is the naive twin), a block at a time. Four codes of at most twelve bits come out
// of one unaligned load of eight bytes; the way from a code to the next is a mask, the load of its length and a shift, and those of
// the eight lanes overlap. Tables stand at fixed addresses.
import { MOST_BITS } from '../format/code-lengths.js';
import { ENTRIES, LANES, ROUND } from '../format/huffman.js';
import { count, offset, words } from '../kernels/kernel.js';
import { defineFunction, type Expr, i32, i64, i8x16, type Local, v128 } from '../wasm/assembler.js';
import { FIXED } from './fixed.js';

/**
 * Fills the tables of symbols and of bits from the lengths, which are those of a complete code. They begin as tables of the codes of
 * no bits, and are doubled for each bit more: what stands there already does not depend on it.
 */
export const codes = defineFunction({}, (body) => {
  const code = body.let(0);
  body.range(0, MOST_BITS + 1, 1, (bits) => {
    const half = body.let(i32.shrU(i32.shl(1, bits), 1));
    // Whole vectors: what goes past the end is written over by the next.
    body.range(0, half, 16, (at) => {
      for (const table of [FIXED.symbols, FIXED.bits])
        body.store(i32.add(at, half), v128.load(at, table), table);
    });
    const length = body.let(i8x16.splat(offset(bits, 1)));
    body.range(0, 256, 16, (first) => {
      const among = body.let(i8x16.bitmask(i8x16.eq(v128.load(first, FIXED.lengths), length)));
      const symbol = body.let(first);
      body.while(among, () => {
        body.when(i32.and(among, 1), () => {
          body.storeLow(1, code, symbol, FIXED.symbols);
          body.storeLow(1, code, bits, FIXED.bits);
          // The next code: one more, carried from the last bit towards the first.
          const bit = body.let(half);
          body.while(i32.and(code, bit), () => {
            body.set(code, i32.sub(code, bit));
            body.set(bit, i32.shrU(bit, 1));
          });
          body.set(code, i32.add(code, bit));
        });
        body.set(among, i32.shrU(among, 1));
        body.set(symbol, offset(symbol, 1));
      });
    });
  });
});

/** Where the lanes of the block in the window begin. Broken ones are read up to 6 KiB past the window, which the memory has. */
const FIRST = FIXED.window + 2 * LANES;

/** 57 bits or more from a bit of the block on. */
const bitsAt = (at: Local<'i32'>): Expr<'i64'> =>
  i64.shrU(i64.load(i32.shrU(at, 3), FIRST), i64.extendU(i32.and(at, 7)));

/**
 * Decodes the block in the window to `out` up to `end`, and further to the end of a round. Returns whether a lane does not
 * end with its symbols; then it may have read what is not of the block.
 */
export const block = defineFunction(words('out', 'end'), (body, { out, end }) => {
  /** In bits, as are the places where lanes are. */
  const ends = count(LANES).map((lane) => i32.shl(i32.load16U(i32.const(0), FIXED.window + 2 * lane), 3));
  const lanes = count(LANES).map((lane) => body.let(lane === 0 ? i32.const(0) : ends[lane - 1]!));
  body.range(out, end, ROUND, (to) => {
    lanes.forEach((at, lane) => {
      const bits = body.let(bitsAt(at));
      for (let place = lane; place < ROUND; place += LANES) {
        const entry = body.let(i32.and(i64.wrap(bits), ENTRIES - 1));
        const length = body.let(i32.load8U(entry, FIXED.bits));
        body.storeLow(1, to, i32.load8U(entry, FIXED.symbols), place);
        body.set(bits, i64.shrU(bits, i64.extendU(length)));
        body.set(at, i32.add(at, length));
      }
    });
  });
  const wrong = body.let(0);
  lanes.forEach((at, lane) => {
    const left = body.let(i32.sub(ends[lane]!, at));
    const rest = i32.and(i64.wrap(bitsAt(at)), offset(i32.shl(1, left), -1));
    body.set(wrong, i32.or(wrong, i32.or(rest, i32.ltU(7, left))));
  });
  return wrong;
});
