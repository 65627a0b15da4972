// Dense sections straight into tables of embeddings and dense layers.
import { type Places, roomFor } from '../encoder/linear.js';
import type { PlacedTable } from '../encoder/tables.js';
import { type ByteSource, byteSource } from '../format/bytes.js';
import { checkEnd } from '../format/decode-tensor.js';
import type { TensorSection } from '../format/header.js';
import { extentOf } from '../format/tensors.js';
import { FIXED, WINDOW_BYTES } from './fixed.js';
import type { Bound } from './functions.js';
import { decodeStream, decodeWords, has, refused } from './stream.js';

/** Kinds whose values are floats. */
export type FloatKind = 'f32' | 'f16';

/** The next `count` floats as f32 to `out`. */
function decodeFloats(
  { arena, calls }: Bound,
  source: ByteSource,
  kind: FloatKind,
  count: number,
  out: number,
): boolean {
  if (kind === 'f32') {
    arena.views().u8.set(source.take(4 * count), out);
    return !calls.hasNoNumber({ from: out, bytes: 4 * count });
  }
  const bytes = source.take(2 * count);
  let wrong = 0;
  for (let at = 0; at < bytes.length; at += WINDOW_BYTES) {
    const part = bytes.subarray(at, at + WINDOW_BYTES);
    const { u8 } = arena.views();
    u8.set(part, FIXED.window);
    u8.fill(0, FIXED.window + part.length, FIXED.window + part.length + 16);
    wrong |= calls.halves({ from: FIXED.window, out: out + 2 * at, count: part.length / 2 });
  }
  return wrong === 0;
}

/** A table of floats, of which the first `rows` are used. */
export function decodeFloatTable(
  bound: Bound,
  section: TensorSection,
  bytes: Uint8Array,
  kind: FloatKind,
): PlacedTable {
  const { rows, columns } = extentOf(section.shape);
  const source = byteSource(bytes, section.name);
  const table = bound.arena.placeUnset(4 * rows * columns);
  if (!decodeFloats(bound, source, kind, rows * columns, table)) throw refused(section.name);
  checkEnd(source, section.name);
  return { form: 'f32', rows, at: { table, scales: 0 }, group: 1 };
}

/** A dense layer of floats. Its bias is left to be written. */
export function decodeDense(
  bound: Bound,
  section: TensorSection,
  bytes: Uint8Array,
  kind: FloatKind,
): Places['dense'] {
  const { rows, columns } = extentOf(section.shape);
  const { arena, calls } = bound;
  const at = roomFor.dense(arena, rows, columns);
  const source = byteSource(bytes, section.name);
  const mark = arena.mark();
  const values = arena.placeUnset(4 * rows * columns);
  if (!decodeFloats(bound, source, kind, rows * columns, values)) throw refused(section.name);
  calls.interleave({ values, out: at.values, rows, columns });
  arena.release(mark);
  checkEnd(source, section.name);
  return at;
}

/** A table of bytes with scales. */
export function decodeByteTable(
  bound: Bound,
  section: TensorSection,
  bytes: Uint8Array,
  form: 'int8' | 'int4',
): PlacedTable {
  const { arena, calls } = bound;
  const { name, shape } = section;
  const { rows, columns } = extentOf(shape);
  const group = form === 'int4' ? section.group! : columns; // checked with the header
  const scaleCount = form === 'int4' ? rows * Math.ceil(columns / group) : rows;
  const size = rows * (form === 'int4' ? (columns + 1) >>> 1 : columns);
  const source = byteSource(bytes, name);
  const scales = arena.placeUnset(4 * scaleCount);
  const table = arena.placeUnset(size);
  const mark = arena.mark();
  const from = decodeWords(bound, source, scaleCount, name);
  if (calls.scales({ from, out: scales, count: scaleCount })) throw refused(name);
  arena.release(mark);
  const stream = decodeStream(bound, source, size, name, table);
  if (has(bound, stream, form === 'int4' ? 'hasEmptyNibble' : 'hasLowest')) throw refused(name);
  checkEnd(source, name);
  return { form, rows, at: { table, scales }, group: form === 'int4' ? group : 1 };
}

/** A vector of floats, as an array of its own. */
export function decodeVector(
  bound: Bound,
  section: TensorSection,
  bytes: Uint8Array,
  kind: FloatKind,
): Float32Array {
  const { rows, columns } = extentOf(section.shape);
  const { arena } = bound;
  const source = byteSource(bytes, section.name);
  const mark = arena.mark();
  const at = arena.placeUnset(4 * rows * columns);
  if (!decodeFloats(bound, source, kind, rows * columns, at)) throw refused(section.name);
  arena.release(mark);
  checkEnd(source, section.name);
  return arena.views().f32.slice(at / 4, at / 4 + rows * columns);
}
