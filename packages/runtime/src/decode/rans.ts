// rANS streams in WebAssembly (format/rans.ts is the naive twin): four states in turn, a window of the coded bytes at a time.
// What counts is the way from a state to its next, and from one word to where the next is: no branch for the renormalising
// word, a slot's frequency and bias loaded apart, tables at fixed addresses, and one of them to tell before the
// multiplication is done whether a word is read.
import { PRECISION, TOTAL } from '../format/frequencies.js';
import { LEAST } from '../format/rans.js';
import { count, offset, words } from '../kernels/kernel.js';
import {
  type Body,
  defineFunction,
  type Expr,
  i32,
  i32x4,
  i16x8,
  i8x16,
  type Local,
  select,
} from '../wasm/assembler.js';
import { FIXED } from './fixed.js';

export const STATES = 4;
/** Bytes that a round reads at most: a word for each state. */
export const ROUND_BYTES = 2 * STATES;

/**
 * Reads a table of frequencies (format/frequencies.ts) at `from`; returns where it ends, or 0 where they do not add up to TOTAL.
 * It reads at most 514 bytes; the caller sees whether they were there.
 */
export const frequencies = defineFunction(words('from'), (body, { from }) => {
  const symbol = body.let(i32.load8U(from));
  const last = body.let(i32.load8U(from, 1));
  const sum = body.let(0);
  const next = (): Local<'i32'> => {
    const byte = body.let(i32.load8U(from));
    body.set(from, offset(from, 1));
    return byte;
  };
  body.range(0, 512, 4, (at) => {
    body.store(at, i32.const(0), FIXED.frequencies);
  });
  body.set(from, offset(from, 2));
  body.while(i32.leU(symbol, last), () => {
    const frequency = next();
    body.when(i32.eqz(frequency), () => {
      body.set(symbol, i32.add(symbol, next()));
    });
    body.when(i32.ltU(127, frequency), () => {
      const upper = i32.shl(next(), 7);
      body.set(frequency, i32.or(i32.and(frequency, 127), upper));
    });
    body.set(sum, i32.add(sum, frequency));
    body.when(frequency, () => {
      body.storeLow(2, i32.shl(symbol, 1), frequency, FIXED.frequencies);
    });
    body.set(symbol, offset(symbol, 1));
  });
  return select(i32.eq(sum, TOTAL), from, 0);
});

/** Fills the tables of slots from the frequencies, which add up to TOTAL. */
export const slots = defineFunction({}, (body) => {
  const slot = body.let(0);
  body.range(0, 256, 1, (symbol) => {
    const frequency = body.let(i32.load16U(i32.shl(symbol, 1), FIXED.frequencies));
    const end = body.let(i32.add(slot, frequency));
    body.when(frequency, () => {
      // Whole vectors: what goes past the end is written over by the next symbol's.
      const entries = body.let(i32x4.add(i32x4.splat(frequency), i32x4.const(0, 1 << 16, 2 << 16, 3 << 16)));
      body.range(i32.shl(slot, 2), i32.shl(end, 2), 16, (at) => {
        body.store(at, entries, FIXED.slots);
        body.set(entries, i32x4.add(entries, i32x4.splat(4 << 16)));
      });
      body.range(slot, end, 16, (at) => {
        body.store(at, i8x16.splat(symbol), FIXED.symbols);
      });
      // frequency * quotient + bias >= LEAST: of LEAST / frequency, and one more where the bias is below the remainder.
      const quotient = body.let(i32.divU(LEAST, frequency));
      const remainder = i32.sub(LEAST, i32.mul(quotient, frequency));
      const biases = body.let(i32x4.const(0x10000, 0x30002, 0x50004, 0x70006));
      body.range(i32.shl(slot, 1), i32.shl(end, 1), 16, (at) => {
        const enough = i16x8.geU(biases, i16x8.splat(remainder));
        body.store(at, i16x8.add(i16x8.splat(offset(quotient, 1)), enough), FIXED.quotients);
        body.set(biases, i16x8.add(biases, i16x8.splat(8)));
      });
    });
    body.set(slot, end);
  });
});

/** Writes the next symbol of a state to `out + at` and moves on, in the words too. */
function step(body: Body, state: Local<'i32'>, from: Local<'i32'>, out: Expr<'i32'>, at: number): void {
  const slot = body.let(i32.and(state, TOTAL - 1));
  body.storeLow(1, out, i32.load8U(slot, FIXED.symbols), at);
  const entry = body.let(i32.shl(slot, 2));
  const quotient = body.let(i32.shrU(state, PRECISION));
  const least = body.let(i32.load16U(i32.shl(slot, 1), FIXED.quotients));
  const product = i32.mul(i32.load16U(entry, FIXED.slots), quotient);
  const next = body.let(i32.add(product, i32.load16U(entry, FIXED.slots + 2)));
  const more = i32.or(i32.shl(next, 16), i32.load16U(from));
  body.set(state, select(i32.ltU(quotient, least), more, next));
  body.set(from, i32.add(from, i32.shl(i32.shrU(i32.sub(quotient, least), 31), 1)));
}

/**
 * Rounds of four symbols from `out` to `end`, as long as words are read from `limit` at most. Returns where the next word
 * is; where the next symbol goes stands after the states.
 */
export const rans = defineFunction(
  words('from', 'limit', 'out', 'end'),
  (body, { from, limit, out, end }) => {
    const zero = i32.const(0);
    const states = count(STATES).map((i) => body.let(i32.load(zero, FIXED.states + 4 * i)));
    body.while(i32.and(i32.ltU(out, end), i32.leU(from, limit)), () => {
      states.forEach((state, i) => {
        step(body, state, from, out, i);
      });
      body.set(out, offset(out, STATES));
    });
    [...states, out].forEach((value, i) => {
      body.store(zero, value, FIXED.states + 4 * i);
    });
    return from;
  },
);

/** The last symbols, fewer than four. */
export const ransRest = defineFunction(words('from', 'out', 'end'), (body, { from, out, end }) => {
  const at = body.let(FIXED.states);
  body.range(out, end, 1, (to) => {
    const state = body.let(i32.load(at));
    step(body, state, from, to, 0);
    body.store(at, state);
    body.set(at, offset(at, 4));
  });
  return from;
});
