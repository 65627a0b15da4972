// A stream: bytes, coded where that makes them fewer. Every number in a packed tensor that is not a plain float
// goes through one: u32 count of bytes, u32 length of what follows the mode, u8 mode, body.
import type { ByteSink, ByteSource } from './bytes.js';
import { byteSink, byteSource } from './bytes.js';
import { readLengths, writeLengths } from './code-lengths.js';
import { decodeHuffman, encodeHuffman } from './huffman.js';
import { bestLengths, countBytes } from './package-merge.js';
import { PackError } from './pack-error.js';

const RAW = 0;
const CODED = 2;

function encoded(bytes: Uint8Array): Uint8Array {
  const sink = byteSink();
  const lengths = bestLengths(countBytes(bytes));
  writeLengths(sink, lengths);
  sink.append(encodeHuffman(bytes, lengths));
  return sink.bytes();
}

export function writeStream(sink: ByteSink, bytes: Uint8Array): void {
  const body = bytes.length > 0 ? encoded(bytes) : bytes;
  const raw = body.length >= bytes.length;
  sink.u32(bytes.length);
  sink.u32(raw ? bytes.length : body.length);
  sink.u8(raw ? RAW : CODED);
  sink.append(raw ? bytes : body);
}

/** How many bytes a stream must hold. */
export interface Expected {
  readonly least: number;
  readonly most: number;
}

/** The next stream before it is decoded. */
export interface StreamHead {
  /** Bytes that it holds. */
  readonly count: number;
  /** Lengths of codes and coded bytes, or the bytes themselves. */
  readonly coded: boolean;
  readonly body: Uint8Array;
}

/** Its number of bytes is checked before anything is allocated for them. */
export function readStreamHead(source: ByteSource, expected: number | Expected, where: string): StreamHead {
  const { least, most } = typeof expected === 'number' ? { least: expected, most: expected } : expected;
  const count = source.u32();
  if (count < least || count > most) {
    const wanted = least === most ? String(least) : `${least} to ${most}`;
    throw new PackError('count', `${where}: expected ${wanted} bytes in its stream, found ${count}`);
  }
  const length = source.u32();
  const mode = source.u8();
  const body = source.take(length);
  if (mode === CODED || (mode === RAW && length === count)) return { count, coded: mode === CODED, body };
  throw new PackError(
    'stream',
    `${where}: expected mode 0 with ${count} bytes or mode 2, found mode ${mode} with ${length}; pack the model again`,
  );
}

/** The bytes of the next stream. */
export function readStream(source: ByteSource, expected: number | Expected, where: string): Uint8Array {
  const { count, coded, body } = readStreamHead(source, expected, where);
  if (!coded) return body;
  const inner = byteSource(body, where);
  return decodeHuffman(inner, readLengths(inner, where), count, where);
}
