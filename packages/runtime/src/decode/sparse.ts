// Sparse sections straight into the layout of the encoder's layers.
import { type ByteSource, byteSource } from '../format/bytes.js';
import { checkEnd, checkLastBlocks } from '../format/decode-tensor.js';
import { ESCAPE } from '../format/encode-tensor.js';
import type { TensorSection } from '../format/header.js';
import { extentOf } from '../format/tensors.js';
import { type Places, QUADS_UNIT, roomFor, roomForQuads } from '../encoder/linear.js';
import { BLOCKS_TOGETHER } from '../kernels/int8-row.js';
import type { Int8Layout } from '../kernels/int8-layout.js';
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
  /** Rows with an odd count. */
  readonly odd: number;
}

function begin(bound: Bound, section: TensorSection, bytes: Uint8Array): Reading {
  const { arena, calls } = bound;
  const { rows, columns } = extentOf(section.shape);
  const width = section.kind === 'sparse-1x4' ? Math.ceil(columns / 4) : columns;
  const source = byteSource(bytes, section.name);
  const mark = arena.mark();
  const at = decodeWords(bound, source, rows, section.name);
  const total = calls.total({ counts: at, rows, width });
  if (total < 0) throw refused(section.name);
  const odd = calls.oddRows({ counts: at, rows });
  const counts = arena.views().u16.slice(at / 2, at / 2 + rows);
  arena.release(mark);
  return { bound, section, source, rows, width, counts, total, odd };
}

/**
 * The next stream is the gaps; columns go to `out`, in rows filled up to multiples of `unroll`, whose
 * number goes to `units`. Returns where the counts stand.
 */
function decodeColumns(
  { bound, section: { name }, source, rows, width, total, counts }: Reading,
  of: { readonly units: number; readonly out: number; readonly unroll: number },
): number {
  const { calls, arena } = bound;
  const plain = arena.placeUnset(2 * rows);
  const most = total + rows * Math.floor(width / ESCAPE);
  const { at, count } = decodeStream(bound, source, { least: total, most }, name);
  const { u8, u16 } = arena.views();
  u16.set(counts, plain / 2);
  const escapes = calls.countEscapes({ from: at, bytes: count });
  if (count - escapes !== total || (count > 0 && u8[at + count - 1] === ESCAPE)) throw refused(name);
  const { units, out, unroll } = of;
  const shift = Math.log2(unroll);
  if (calls.columns({ gaps: at, counts: plain, units, rows, width, out, shift })) throw refused(name);
  return plain;
}

function decodeScales({ bound, source, rows, section: { name } }: Reading, out: number): void {
  const from = decodeWords(bound, source, rows, name);
  if (bound.calls.scales({ from, out, count: rows })) throw refused(name);
}

/** Values i8, and the scales of their rows. */
function decodeInt8(reading: Reading, scales: number): number {
  const { bound, section, source, total } = reading;
  decodeScales(reading, scales);
  const stream = decodeStream(bound, source, total, section.name);
  if (has(bound, stream, 'hasLowest')) throw refused(section.name);
  return stream.at;
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
  const { at } = decodeStream(bound, source, total, name);
  if (calls.hasNoIndex({ from: at, bytes: total })) throw refused(name);
  calls.indices({ from: at, out, count: total });
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
  const reading = begin(bound, section, bytes);
  const { rows } = reading;
  const at = roomFor.q15(bound.arena, rows, reading.total + reading.odd);
  return within(reading, at, () => {
    const columns = bound.arena.place(2 * (reading.total + reading.odd));
    const counts = decodeColumns(reading, { units: at.counts, out: columns, unroll: UNROLL });
    const { entries, scales } = at;
    const token = tokenLength(extentOf(section.shape).columns);
    const values = decodeSingles(reading, scales);
    bound.calls.q15({ values, columns, entries, counts, rows, scales, token });
  });
}

/** The same in f32. */
export function decodeF32(bound: Bound, section: TensorSection, bytes: Uint8Array): Places['f32'] {
  const reading = begin(bound, section, bytes);
  const { rows } = reading;
  const at = roomFor.f32(bound.arena, rows, reading.total + reading.odd);
  return within(reading, at, () => {
    const counts = decodeColumns(reading, { units: at.counts, out: at.columns, unroll: UNROLL });
    const scales = bound.arena.placeUnset(4 * rows);
    const values = decodeSingles(reading, scales);
    bound.calls.f32Rows({ values, out: at.values, counts, rows, scales });
  });
}

/** The same in int8, four together. */
export function decodeQuads(
  bound: Bound,
  section: TensorSection,
  bytes: Uint8Array,
  { wide }: Pick<Int8Layout, 'wide'>,
): Places['quads'] {
  const { arena, calls } = bound;
  const reading = begin(bound, section, bytes);
  const { rows } = reading;
  const total = reading.counts.reduce((sum, count) => sum + QUADS_UNIT * Math.ceil(count / QUADS_UNIT), 0);
  const at = roomForQuads(arena, rows, total, wide);
  return within(reading, at, () => {
    const to = { units: at.counts, out: at.columns, unroll: QUADS_UNIT };
    const counts = decodeColumns(reading, to);
    const { scales, offsets } = at;
    const out = wide ? arena.placeUnset(total) : at.values;
    if (section.kind === 'sparse-int8')
      calls.quadsInt8({ values: decodeInt8(reading, scales), out, counts, rows, scales, offsets });
    else calls.quads({ values: decodeSingles(reading, scales), out, counts, rows, scales, offsets });
    if (wide) calls.wide({ from: out, out: at.values, count: total });
  });
}

/** Blocks as they stand in the file, in places that are given back. */
function decodePlainBlocks(reading: Reading) {
  const { bound, source, section, rows, total } = reading;
  const { arena } = bound;
  const places = { units: arena.placeUnset(2 * rows), out: arena.placeUnset(2 * total + 2) };
  const counts = decodeColumns(reading, { ...places, unroll: 1 });
  const scales = arena.placeUnset(4 * rows);
  decodeScales(reading, scales);
  const stream = decodeStream(bound, source, 4 * total, section.name);
  if (has(bound, stream, 'hasLowest')) throw refused(section.name);
  const values = stream.at;
  const { u16, i8 } = arena.views();
  const columns = u16.subarray(places.out / 2, places.out / 2 + total);
  checkLastBlocks(
    columns,
    i8.subarray(values, values + 4 * total),
    extentOf(section.shape).columns,
    section.name,
  );
  return { values, columns: places.out, counts, rows, scales };
}

/** A layer of blocks of four, in pairs, in the form of a level. */
export function decodeBlocks(
  bound: Bound,
  section: TensorSection,
  bytes: Uint8Array,
  { wide, largestSum }: Int8Layout,
): Places['int8'] {
  const { arena, calls } = bound;
  const reading = begin(bound, section, bytes);
  const { rows, total } = reading;
  // How much room pairs need is known only when they are made: that is done behind what they need at most.
  const most = BLOCKS_TOGETHER * total;
  const mark = arena.mark();
  arena.placeUnset(most * (wide ? 10 : 6) + 16 * rows + 1024);
  const { values, columns, counts, scales } = decodePlainBlocks(reading);
  checkEnd(reading.source, section.name);
  const [outValues, outColumns] = [arena.placeUnset(4 * most), arena.placeUnset(2 * most)];
  const units = arena.placeUnset(2 * rows);
  const pairs = calls.pairs({ values, columns, counts, rows, largestSum, outValues, outColumns, units });
  const blocks = BLOCKS_TOGETHER * pairs;
  arena.release(mark);
  const at = roomFor.int8(arena, rows, blocks, wide);
  const { u8 } = arena.views();
  const move = (to: number, from: number, bytes: number): void => {
    u8.copyWithin(to, from, from + bytes);
  };
  move(at.columns, outColumns, 2 * blocks);
  move(at.counts, units, 2 * rows);
  move(at.scales, scales, 4 * rows);
  calls.offsets({ values, counts, rows, out: at.offsets });
  if (wide) calls.wide({ from: outValues, out: at.values, count: 4 * blocks });
  else move(at.values, outValues, 4 * blocks);
  return at;
}
