// Asymmetric numeral systems with range coding (rANS; Duda 2013, arXiv:1311.2540) over bytes: static frequencies of
// twelve bits, four states in turn, renormalised by 16-bit words. States stay below 2^31, so that int32 holds them.
import type { ByteSource } from './bytes.js';
import { PRECISION, TOTAL } from './frequencies.js';
import { PackError } from './pack-error.js';

const STATES = 4;
/** States are at least this between two symbols, and below 2^16 times this. */
export const LEAST = 1 << 15;
const MASK = TOTAL - 1;

/** Where each symbol's slots begin. */
function startsOf(frequencies: Uint16Array): Uint16Array {
  const starts = new Uint16Array(256);
  for (let symbol = 1; symbol < 256; symbol++) {
    starts[symbol] = starts[symbol - 1]! + frequencies[symbol - 1]!;
  }
  return starts;
}

/** Four final states (u32) and the words (u16) in the order of reading. Every symbol must have a frequency. */
export function encodeRans(symbols: Uint8Array, frequencies: Uint16Array): Uint8Array {
  const starts = startsOf(frequencies);
  const states = new Int32Array(STATES).fill(LEAST);
  const words = new Uint16Array(symbols.length); // at most one a symbol
  let first = words.length;
  for (let i = symbols.length - 1; i >= 0; i--) {
    const symbol = symbols[i]!;
    const frequency = frequencies[symbol]!;
    let state = states[i & 3]!;
    if (state >= frequency * (LEAST >>> PRECISION) * 65536) {
      words[--first] = state & 0xffff;
      state >>>= 16;
    }
    const quotient = Math.floor(state / frequency);
    states[i & 3] = (quotient << PRECISION) + (state - quotient * frequency) + starts[symbol]!;
  }
  const used = words.length - first;
  const bytes = new Uint8Array(4 * STATES + 2 * used);
  const view = new DataView(bytes.buffer);
  states.forEach((state, i) => view.setUint32(4 * i, state, true));
  for (let i = 0; i < used; i++) view.setUint16(4 * STATES + 2 * i, words[first + i]!, true);
  return bytes;
}

/** By slot: symbol in bits 0 to 7, frequency less one in 8 to 19, slot less start in 20 to 31. */
function slotTable(frequencies: Uint16Array): Int32Array {
  const table = new Int32Array(TOTAL);
  let slot = 0;
  for (let symbol = 0; symbol < 256; symbol++) {
    const frequency = frequencies[symbol]!;
    for (let bias = 0; bias < frequency; bias++) {
      table[slot++] = symbol | ((frequency - 1) << 8) | (bias << 20);
    }
  }
  return table;
}

function readStates(source: ByteSource, where: string): Int32Array {
  return Int32Array.from({ length: STATES }, (_, i) => {
    const state = source.u32();
    if (state >= LEAST && state < LEAST * 65536) return state;
    throw new PackError('stream', `${where}: expected state ${i} from 2^15 to 2^31, found ${state}`);
  });
}

/** Decodes `count` symbols from all that is left of `source`, which must end where the encoder began. */
export function decodeRans(
  source: ByteSource,
  frequencies: Uint16Array,
  count: number,
  where: string,
): Uint8Array {
  const table = slotTable(frequencies);
  const states = readStates(source, where);
  const words = source.take(source.left);
  const symbols = new Uint8Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    let state = states[i & 3]!;
    const entry = table[state & MASK]!;
    symbols[i] = entry;
    state = Math.imul(((entry >>> 8) & MASK) + 1, state >>> PRECISION) + (entry >>> 20);
    if (state < LEAST) {
      state = (state << 16) | words[at]! | (words[at + 1]! << 8);
      at += 2;
    }
    states[i & 3] = state;
  }
  // Reading past the end gives zeros, so a stream that is too short is seen here too.
  if (at === words.length && states.every((state) => state === LEAST)) return symbols;
  throw new PackError('stream', `${where}: coded bytes do not end where their ${count} symbols do`);
}
