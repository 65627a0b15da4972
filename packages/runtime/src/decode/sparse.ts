// Sparse sections straight into the layout of the encoder's layers, and int8 ones without a pattern, as blocks that are all there.
import { type ByteSource, byteSource } from '../format/bytes.js';
import { checkEnd } from '../format/decode-tensor.js';
import { ESCAPE } from '../format/encode-tensor.js';
import type { TensorSection } from '../format/header.js';
import { extentOf } from '../format/tensors.js';
import { type Int8Places, type Places, roomFor } from '../encoder/linear.js';
import { WEIGHTS_TOGETHER } from '../kernels/int8-row.js';
import { tokenLength } from '../kernels/q15.js';
import { UNROLL } from '../kernels/spmm-f32.js';
import { FIXED } from './fixed.js';
import type { Bound } from './functions.js';
import { decodeStream, decodeWords, has, refused } from './stream.js';

/** What is decoded, and where from. */
interface Reading {
  readonly bound: Bound;
  readonly section: TensorSection;
  readonly source: ByteSource;
  readonly rows: number;
  /** Values or blocks that a row can have. */
  readonly width: number;
  /** Of each row. */
  readonly counts: Uint16Array;
  readonly total: number;
  /** Every row is filled up to a multiple of it, a power of two. */
  readonly unit: number;
  /** Entries with those that fill rows up. */
  readonly filled: number;
}

/** Where counts and starts of the rows stand for a while. */
interface Rows {
  readonly counts: number;
  readonly starts: number;
}

/** Whether every entry is there. */
const isWhole = ({ kind }: TensorSection): boolean => kind === 'int8';

/** Values of an entry. */
const widthOf = (section: TensorSection): 1 | 4 =>
  section.kind === 'sparse-1x4' || isWhole(section) ? 4 : 1;

function begin(bound: Bound, section: TensorSection, bytes: Uint8Array, unit: number): Reading {
  const { arena } = bound;
  const { rows, columns } = extentOf(section.shape);
  const width = Math.ceil(columns / widthOf(section));
  const source = byteSource(bytes, section.name);
  let counts = new Uint16Array(rows).fill(width);
  if (!isWhole(section)) {
    const mark = arena.mark();
    const at = decodeWords(bound, source, rows, section.name);
    counts = arena.views().u16.slice(at / 2, at / 2 + rows);
    arena.release(mark);
  }
  let [most, total, filled] = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    const count = counts[row]!;
    most |= width - count; // less than none where there are too many
    total += count;
    filled += (count + unit - 1) & -unit;
  }
  if (most < 0) throw refused(section.name);
  return { bound, section, source, rows, width, counts, total, unit, filled };
}

/** The next stream is the gaps; columns go to `out`, and how the rows stand to `order`. */
function decodeColumns(
  { bound, section, source, rows, width, total, unit, counts: all }: Reading,
  out: number,
  order: number,
): Rows {
  const { calls, arena } = bound;
  const { name } = section;
  const bytes = 4 * (Math.ceil(width / unit) + 2);
  const [counts, starts, places] = [
    arena.placeUnset(2 * rows),
    arena.placeUnset(4 * rows),
    arena.place(bytes),
  ];
  const most = total + rows * Math.floor(width / ESCAPE);
  const { at: gaps, count } = isWhole(section)
    ? { at: arena.place(total), count: total }
    : decodeStream(bound, source, { least: total, most }, name);
  const { u8, u16 } = arena.views();
  u16.set(all, counts / 2);
  const escapes = calls.countEscapes({ from: gaps, bytes: count });
  if (count - escapes !== total || (count > 0 && u8[gaps + count - 1] === ESCAPE)) throw refused(name);
  calls.order({ counts, rows, shift: Math.log2(unit), places, last: places + bytes, order, starts });
  if (calls.columns({ gaps, counts, starts, rows, width, out })) throw refused(name);
  return { counts, starts };
}

function decodeScales({ bound, source, rows, section: { name } }: Reading, out: number): void {
  const from = decodeWords(bound, source, rows, name);
  if (bound.calls.scales({ from, out, count: rows })) throw refused(name);
}

/** Values i8, and the scales of their rows. */
function decodeInt8(reading: Reading, scales: number): number {
  const { bound, section, source, total, rows, width } = reading;
  const { columns } = extentOf(section.shape);
  decodeScales(reading, scales);
  const values = isWhole(section) ? rows * columns : widthOf(section) * total;
  const stream = decodeStream(bound, source, values, section.name);
  if (has(bound, stream, 'hasLowest')) throw refused(section.name);
  const { at } = stream;
  if (values === widthOf(section) * total) return at;
  // Zeros fill up the last block of each row.
  const out = bound.arena.place(4 * total);
  const { u8 } = bound.arena.views();
  for (let row = 0; row < rows; row++)
    u8.copyWithin(out + 4 * width * row, at + columns * row, at + columns * (row + 1));
  return out;
}

/** Values as f32, in a place of their own, and scales of the rows: those of int8, otherwise ones. */
function decodeSingles(reading: Reading, scales: number): number {
  const { bound, section, source, rows, total } = reading;
  const { calls, arena } = bound;
  const { kind, name } = section;
  const room = 4 * total + 64;
  if (kind === 'sparse-int8') {
    const from = decodeInt8(reading, scales);
    const out = arena.placeUnset(room);
    calls.integers({ from, out, count: total });
    return out;
  }
  arena.views().f32.fill(1, scales / 4, scales / 4 + rows);
  if (kind === 'sparse-codebook') decodeCodebook(reading);
  const out = arena.placeUnset(room);
  if (kind === 'sparse-f16') {
    const from = decodeWords(bound, source, total, name);
    if (calls.halves({ from, out, count: total })) throw refused(name);
    return out;
  }
  const pairs = decodeStream(bound, source, (total + 1) >>> 1, name);
  calls.indices({ from: pairs.at, out, bytes: pairs.count });
  return out;
}

function decodeCodebook({ bound: { arena, calls }, source, section: { name } }: Reading): void {
  arena.views().u8.set(source.take(64), FIXED.codebook);
  if (calls.hasNoNumber({ from: FIXED.codebook, bytes: 64 })) throw refused(name);
}

/** Runs `decode`, whose other places are given back, and checks that the section ends there. */
function within<A>(reading: Reading, at: A, decode: () => void): A {
  const { arena } = reading.bound;
  const mark = arena.mark();
  decode();
  arena.release(mark);
  checkEnd(reading.source, reading.section.name);
  return at;
}

/** A layer of single values in 16-bit fixed point. Its bias is left to be written. */
export function decodeQ15(bound: Bound, section: TensorSection, bytes: Uint8Array): Places['q15'] {
  const reading = begin(bound, section, bytes, UNROLL);
  const { rows, filled } = reading;
  const at = roomFor.q15(bound.arena, rows, filled);
  return within(reading, at, () => {
    const columns = bound.arena.place(2 * filled);
    const { entries: out, scales } = at;
    const of = decodeColumns(reading, columns, at.order);
    const token = tokenLength(extentOf(section.shape).columns);
    const values = decodeSingles(reading, scales);
    bound.calls.q15({ values, columns, out, ...of, rows, scales, token });
  });
}

/** The same in f32. */
export function decodeF32(bound: Bound, section: TensorSection, bytes: Uint8Array): Places['f32'] {
  const reading = begin(bound, section, bytes, UNROLL);
  const { rows } = reading;
  const at = roomFor.f32(bound.arena, rows, reading.filled);
  return within(reading, at, () => {
    const of = decodeColumns(reading, at.columns, at.order);
    const scales = bound.arena.placeUnset(4 * rows);
    const values = decodeSingles(reading, scales);
    bound.calls.f32Rows({ values, out: at.values, ...of, rows, scales });
  });
}

/** A layer of blocks of four or of single values in int8; `wide` where its weights stand as i16. */
export function decodeInt8Layer(
  bound: Bound,
  section: TensorSection,
  bytes: Uint8Array,
  wide: boolean,
): Int8Places {
  const { arena, calls } = bound;
  const width = widthOf(section);
  const reading = begin(bound, section, bytes, WEIGHTS_TOGETHER / width);
  const { rows, filled } = reading;
  const at = roomFor.int8(arena, rows, filled, width, wide);
  return within(reading, at, () => {
    const of = decodeColumns(reading, at.columns, at.order);
    const { scales, offsets } = at;
    const out = wide ? arena.placeUnset(width * filled) : at.values;
    const to = { out, ...of, width, rows, scales, offsets };
    if (section.kind === 'sparse-int8' || width === 4)
      calls.quadsInt8({ values: decodeInt8(reading, scales), ...to });
    else calls.quads({ values: decodeSingles(reading, scales), ...to });
    if (wide) calls.wide({ from: out, out: at.values, count: width * filled });
  });
}
