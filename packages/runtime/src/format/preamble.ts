// The first 32 bytes of a packed file: what it is, of which version, and how long.
import { ALIGNMENT } from './decode-tensor.js';
import { crc32c } from './crc32c.js';
import { PackError } from './pack-error.js';

/** 0x89, "ESPL", then what transfers as text would change. */
export const MAGIC = Uint8Array.of(0x89, 0x45, 0x53, 0x50, 0x4c, 0x0d, 0x0a, 0x1a);
export const MAJOR = 1;
export const MINOR = 0;
export const PREAMBLE_BYTES = 32;

const MOST_HEADER_BYTES = 2 ** 26;

export interface Preamble {
  readonly version: readonly [major: number, minor: number];
  readonly fileLength: number;
  /** Where the sections begin: the length of preamble and header. */
  readonly start: number;
  readonly headerCrc: number;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);

export function writePreamble(header: Uint8Array, fileLength: number): Uint8Array {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint16(8, MAJOR, true);
  view.setUint16(10, MINOR, true);
  view.setUint32(12, header.length, true);
  view.setBigUint64(16, BigInt(fileLength), true);
  view.setUint32(24, crc32c(header), true);
  view.setUint32(28, crc32c(bytes.subarray(0, 28)), true);
  return bytes;
}

/** Reads the first 32 bytes of a file. */
export function parsePreamble(bytes: Uint8Array): Preamble {
  if (MAGIC.some((byte, i) => i < bytes.length && bytes[i] !== byte)) {
    throw new PackError('magic', 'expected a packed model (.espalier), found another file');
  }
  if (bytes.length < PREAMBLE_BYTES) {
    throw new PackError('truncated', `expected a preamble of ${PREAMBLE_BYTES} bytes, found ${bytes.length}`);
  }
  const view = viewOf(bytes);
  if (view.getUint32(28, true) !== crc32c(bytes.subarray(0, 28))) {
    throw new PackError('checksum', 'preamble: its checksum is not that of its bytes; fetch the file again');
  }
  const version = [view.getUint16(8, true), view.getUint16(10, true)] as const;
  if (version[0] !== MAJOR) {
    throw new PackError(
      'version',
      `expected format version ${MAJOR}, found ${version[0]}.${version[1]}; update @espalier/runtime or pack again`,
    );
  }
  const start = PREAMBLE_BYTES + view.getUint32(12, true);
  const fileLength = Number(view.getBigUint64(16, true));
  if (start % ALIGNMENT !== 0 || start > PREAMBLE_BYTES + MOST_HEADER_BYTES || fileLength < start) {
    throw new PackError('header', `header: found ${start} bytes of it in a file of ${fileLength}`);
  }
  return { version, fileLength, start, headerCrc: view.getUint32(24, true) };
}
