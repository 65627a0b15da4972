// Canonical Huffman codes (Huffman 1952; bits in the order of DEFLATE, RFC 1951) of bytes, in blocks. A block's symbols are dealt to
// eight lanes in turn, each a sequence of bits of its own, since what holds a decoder up is the way from one code to the next.
import { type ByteSource, byteSink } from './bytes.js';
import { type CodeLengths, MOST_BITS } from './code-lengths.js';
import { PackError } from './pack-error.js';

export const LANES = 8;
/** Symbols of a block; the last one has fewer. Its bytes can be counted in 16 bits. */
export const BLOCK = 1 << 15;
/** Blocks are filled up to a multiple of so many symbols: four a lane. */
export const ROUND = 4 * LANES;
/** Entries of a table by the next MOST_BITS bits. */
export const ENTRIES = 1 << MOST_BITS;

/** Shorter codes before longer ones, then by symbol. The first bit of a code is its lowest. */
function eachCode(lengths: CodeLengths, visit: (symbol: number, code: number, bits: number) => void): void {
  let code = 0;
  for (let bits = 0; bits <= MOST_BITS; bits++)
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] !== bits + 1) continue;
      visit(symbol, code, bits);
      // One more, carried from the last bit towards the first.
      let bit = (1 << bits) >> 1;
      for (; code & bit; bit >>= 1) code -= bit;
      code += bit;
    }
}

/** One lane's bytes; zeros fill up the last one. */
function encodeLane(symbols: Uint8Array, lane: number, codes: Uint16Array, lengths: CodeLengths): Uint8Array {
  const sink = byteSink();
  let [rest, bits] = [0, 0];
  for (let i = lane; i < symbols.length; i += LANES) {
    const symbol = symbols[i]!;
    rest |= codes[symbol]! << bits;
    bits += lengths[symbol]! - 1;
    for (; bits >= 8; bits -= 8, rest >>= 8) sink.u8(rest);
  }
  if (bits > 0) sink.u8(rest);
  return sink.bytes();
}

/** Every symbol must have a code. */
export function encodeHuffman(symbols: Uint8Array, lengths: CodeLengths): Uint8Array {
  const codes = new Uint16Array(256);
  eachCode(lengths, (symbol, code) => (codes[symbol] = code));
  const shortest = lengths.indexOf(Math.min(...lengths.filter((length) => length > 0)));
  const sink = byteSink();
  for (let from = 0; from < symbols.length; from += BLOCK) {
    const part = symbols.subarray(from, from + BLOCK);
    const filled = new Uint8Array(ROUND * Math.ceil(part.length / ROUND)).fill(shortest);
    filled.set(part);
    const lanes = Array.from({ length: LANES }, (_, lane) => encodeLane(filled, lane, codes, lengths));
    let end = 0;
    for (const { length } of lanes) {
      end += length;
      sink.u8(end);
      sink.u8(end >>> 8);
    }
    for (const lane of lanes) sink.append(lane);
  }
  return sink.bytes();
}

/** A block as it stands in a stream. */
export interface Block {
  /** u16 [LANES]: where each lane ends, counted from the first one's beginning. */
  readonly ends: Uint8Array;
  readonly lanes: Uint8Array;
}

export function readBlock(source: ByteSource): Block {
  const ends = source.take(2 * LANES);
  return { ends, lanes: source.take(ends.at(-2)! | (ends.at(-1)! << 8)) };
}

/** Seventeen bits or more from bit `at` on, zeros after the end. */
function bitsAt(bytes: Uint8Array, at: number): number {
  const first = at >>> 3;
  return (bytes[first]! | (bytes[first + 1]! << 8) | (bytes[first + 2]! << 16)) >> (at & 7);
}

/** Decodes `count` symbols from all that is left of `source`. Throws where a lane does not end with its symbols. */
export function decodeHuffman(
  source: ByteSource,
  lengths: CodeLengths,
  count: number,
  where: string,
): Uint8Array {
  /** By the next bits: the symbol whose code they begin with, and over it how many bits that has. */
  const entries = new Uint16Array(ENTRIES);
  eachCode(lengths, (symbol, code, bits) => {
    for (let at = code; at < ENTRIES; at += 1 << bits) entries[at] = symbol | (bits << 8);
  });
  const symbols = new Uint8Array(ROUND * Math.ceil(count / ROUND));
  let wrong = 0;
  for (let from = 0; from < count; from += BLOCK) {
    const { ends, lanes } = readBlock(source);
    const until = Math.min(from + BLOCK, symbols.length);
    /** Where each lane begins, in bits, and where the last one ends. */
    const bounds = Int32Array.from({ length: LANES + 1 }, (_, lane) =>
      lane === 0 ? 0 : 8 * (ends[2 * lane - 2]! | (ends[2 * lane - 1]! << 8)),
    );
    const places = bounds.slice(0, LANES);
    for (let i = from; i < until; i++) {
      const at = places[i % LANES]!;
      const entry = entries[bitsAt(lanes, at) & (ENTRIES - 1)]!;
      symbols[i] = entry;
      places[i % LANES] = at + (entry >>> 8);
    }
    places.forEach((at, lane) => {
      const left = bounds[lane + 1]! - at;
      wrong |= left < 0 || left > 7 ? 1 : bitsAt(lanes, at) & ((1 << left) - 1);
    });
  }
  if (wrong === 0 && source.left === 0) return symbols.subarray(0, count);
  throw new PackError('stream', `${where}: coded bytes do not end where their ${count} symbols do`);
}
