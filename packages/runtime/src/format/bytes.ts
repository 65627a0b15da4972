// Little-endian numbers in bytes, growing while written, bounded while read.
import { PackError } from './pack-error.js';

export interface ByteSink {
  readonly length: number;
  u8(value: number): void;
  u32(value: number): void;
  append(bytes: Uint8Array): void;
  /** What was written. */
  bytes(): Uint8Array;
}

export function byteSink(): ByteSink {
  let data = new Uint8Array(256);
  let length = 0;
  const reserve = (more: number): number => {
    if (length + more > data.length) {
      const larger = new Uint8Array(Math.max(2 * data.length, length + more));
      larger.set(data.subarray(0, length));
      data = larger;
    }
    length += more;
    return length - more;
  };
  return {
    get length() {
      return length;
    },
    u8(value) {
      const at = reserve(1);
      data[at] = value;
    },
    u32(value) {
      const at = reserve(4);
      for (let byte = 0; byte < 4; byte++) data[at + byte] = value >>> (8 * byte);
    },
    append(bytes) {
      const at = reserve(bytes.length);
      data.set(bytes, at);
    },
    bytes: () => data.slice(0, length),
  };
}

/** Half `i` of bytes, the lower one of a byte first. */
export const nibbleOf = (bytes: Uint8Array, i: number): number => (bytes[i >>> 1]! >>> (4 * (i & 1))) & 15;

/** Numbers below 16, two a byte; beside an odd last one 0. */
export function packNibbles(numbers: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array((numbers.length + 1) >>> 1);
  for (let i = 0; i < numbers.length; i++) bytes[i >>> 1]! |= numbers[i]! << (4 * (i & 1));
  return bytes;
}

export interface ByteSource {
  /** Bytes not yet read. */
  readonly left: number;
  u8(): number;
  u32(): number;
  /** The next `length` bytes, not copied. */
  take(length: number): Uint8Array;
}

/** Reads `bytes` from the start; reading past the end throws PackError 'stream' naming `where`. */
export function byteSource(bytes: Uint8Array, where: string): ByteSource {
  let at = 0;
  const advance = (length: number): number => {
    if (length > bytes.length - at) {
      throw new PackError('stream', `${where}: expected ${length} more bytes, found ${bytes.length - at}`);
    }
    at += length;
    return at - length;
  };
  return {
    get left() {
      return bytes.length - at;
    },
    u8() {
      const from = advance(1);
      return bytes[from]!;
    },
    u32() {
      const from = advance(4);
      return (
        (bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24)) >>> 0
      );
    },
    take(length) {
      const from = advance(length);
      return new Uint8Array(bytes.buffer, bytes.byteOffset + from, length); // a plain one, also of a Node buffer
    },
  };
}
