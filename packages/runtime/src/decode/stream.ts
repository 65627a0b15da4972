// Bytes of a file into the memory, a window at a time: their checksum, and the streams they hold.
import type { ByteSource } from '../format/bytes.js';
import { PackError } from '../format/pack-error.js';
import { LEAST } from '../format/rans.js';
import { type Expected, readStreamHead } from '../format/stream.js';
import { count as numbers } from '../kernels/kernel.js';
import { FIXED, WINDOW_BYTES, WINDOW_SLACK } from './fixed.js';
import type { Bound } from './functions.js';
import { ROUND_BYTES, STATES } from './rans.js';

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

/** Bytes that stand before the words of a body: two, at most two for each frequency, and the states. */
const MOST_HEAD = 2 + 512 + 4 * STATES;

/** Reads what stands before the words of a body; returns how many bytes that is. */
function readHead({ arena, calls }: Bound, body: Uint8Array, where: string): number {
  const { u8, i32 } = arena.views();
  u8.set(body.subarray(0, MOST_HEAD), FIXED.window);
  const next = calls.frequencies({ from: FIXED.window });
  const length = next + 4 * STATES - FIXED.window;
  if (next === 0 || length > body.length) throw refused(where);
  calls.slots({});
  u8.copyWithin(FIXED.states, next, next + 4 * STATES);
  const states = i32.subarray(FIXED.states / 4, FIXED.states / 4 + STATES);
  if (states.some((state) => state < LEAST)) throw refused(where); // one from 2^31 on is below zero here
  return length;
}

/** Decodes `count` symbols to `at`. */
function decodeCoded(bound: Bound, body: Uint8Array, count: number, at: number, where: string): void {
  const { arena, calls } = bound;
  const { u8, i32 } = arena.views();
  const end = at + count - (count % STATES);
  let [done, out, over] = [readHead(bound, body, where), at, false];
  while (!over) {
    const part = body.subarray(done, done + WINDOW_BYTES);
    const last = done + part.length === body.length;
    u8.set(part, FIXED.window);
    if (last) u8.fill(0, FIXED.window + part.length, FIXED.window + part.length + WINDOW_SLACK);
    const limit = FIXED.window + part.length - (last ? 0 : ROUND_BYTES);
    let from = calls.rans({ from: FIXED.window, limit, out, end });
    out = i32[FIXED.states / 4 + STATES]!;
    over = last || from <= limit;
    if (over && out === end) from = calls.ransRest({ from, out, end: at + count });
    done += from - FIXED.window;
  }
  const states = i32.subarray(FIXED.states / 4, FIXED.states / 4 + STATES);
  if (out !== end || done !== body.length || states.some((state) => state !== LEAST)) throw refused(where);
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
 * Whether the stream that was decoded last has a byte that `check` finds. A coded one has no others than its table, so that most
 * need not be gone through.
 */
export function has(bound: Bound, { at, count, coded }: Stream, check: keyof typeof FOUND): boolean {
  const { u16 } = bound.arena.views();
  const can = !coded || FOUND[check].some((byte) => u16[FIXED.frequencies / 2 + byte]! > 0);
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
