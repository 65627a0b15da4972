// Bytes of a file into the memory, a window at a time: their checksum, and the streams they hold.
import { type ByteSource, byteSource } from '../format/bytes.js';
import { readLengths } from '../format/code-lengths.js';
import { BLOCK, readBlock } from '../format/huffman.js';
import { PackError } from '../format/pack-error.js';
import { type Expected, readStreamHead } from '../format/stream.js';
import { count as numbers } from '../kernels/kernel.js';
import { FIXED, WINDOW_BYTES } from './fixed.js';
import type { Bound } from './functions.js';

/** Thrown where a section is not as it must be; the reader in TypeScript then tells what is wrong with it. */
export const refused = (where: string): PackError => new PackError('stream', `${where}: not decoded`);

/** CRC-32C, as format/crc32c.ts has it. */
export function checksum({ arena, calls }: Bound, bytes: Uint8Array): number {
  const { u8 } = arena.views();
  let state = -1;
  for (let at = 0; at < bytes.length; at += WINDOW_BYTES) {
    const part = bytes.subarray(at, at + WINDOW_BYTES);
    u8.set(part, FIXED.window);
    state = calls.crc({ state, from: FIXED.window, bytes: part.length });
  }
  return ~state >>> 0;
}

/** Decodes `count` symbols to `at`. */
function decodeCoded(
  { arena, calls }: Bound,
  body: Uint8Array,
  count: number,
  at: number,
  where: string,
): void {
  const { u8 } = arena.views();
  const source = byteSource(body, where);
  u8.set(readLengths(source, where), FIXED.lengths);
  calls.codes({});
  for (let from = 0; from < count; from += BLOCK) {
    const { ends, lanes } = readBlock(source);
    u8.set(ends, FIXED.window);
    u8.set(lanes, FIXED.window + ends.length);
    if (calls.block({ out: at + from, end: at + Math.min(from + BLOCK, count) })) throw refused(where);
  }
  if (source.left > 0) throw refused(where);
}

/** A stream in the memory. */
export interface Stream {
  readonly at: number;
  readonly count: number;
  /** Whether it was coded. */
  readonly coded: boolean;
}

/** What the checks of streams find. */
const FOUND = {
  hasLowest: [0x80],
  hasEmptyNibble: numbers(16).flatMap((i) => [i, 16 * i]),
} as const;

/**
 * Whether the stream that was decoded last has a byte that `check` finds. A coded one has no others than those with codes, so that
 * most need not be gone through.
 */
export function has(bound: Bound, { at, count, coded }: Stream, check: keyof typeof FOUND): boolean {
  const { u8 } = bound.arena.views();
  const can = !coded || FOUND[check].some((byte) => u8[FIXED.lengths + byte]! > 0);
  return can && bound.calls[check]({ from: at, bytes: count }) !== 0;
}

/** Decodes the next stream to `to`, or to a place of its own. */
export function decodeStream(
  bound: Bound,
  source: ByteSource,
  expected: number | Expected,
  where: string,
  to?: number,
): Stream {
  const { arena } = bound;
  const { count, coded, body } = readStreamHead(source, expected, where);
  const at = to ?? arena.placeUnset(count);
  if (coded) decodeCoded(bound, body, count, at, where);
  else arena.views().u8.set(body, at);
  return { at, count, coded };
}

/** Two streams of `count` bytes, the upper and the lower ones of words; returns where the words stand, and ones to fill a vector. */
export function decodeWords(bound: Bound, source: ByteSource, count: number, where: string): number {
  const { arena, calls } = bound;
  const high = decodeStream(bound, source, count, where).at;
  const low = decodeStream(bound, source, count, where).at;
  const out = arena.placeUnset(2 * count);
  calls.u16({ high, low, out, count });
  arena.views().u16.fill(1, out / 2 + count, out / 2 + 8 * Math.ceil(count / 8));
  return out;
}
