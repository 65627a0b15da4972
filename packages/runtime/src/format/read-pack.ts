// Reading a packed file: whole, or tensor by tensor from wherever ranges of it come. Nothing is decoded before its
// checksum holds, and no array given out before it is checked.
import { byteSource } from './bytes.js';
import { crc32c } from './crc32c.js';
import { ALIGNMENT, decodeTensor } from './decode-tensor.js';
import { type PackHeader, parseHeader, type Section, type TensorSection } from './header.js';
import { PackError } from './pack-error.js';
import { parsePreamble, PREAMBLE_BYTES } from './preamble.js';
import { readStream } from './stream.js';
import type { PackTensor } from './tensors.js';

/** A file of the tokenizer has at most this many bytes. */
export const MOST_FILE_BYTES = 2 ** 26;

/** Bytes `offset` to `offset + length`; fewer where the file ends before. */
export type ReadRange = (offset: number, length: number) => Promise<Uint8Array>;

export interface Pack {
  readonly header: PackHeader;
  /** Throws PackError 'missing' where there is none of this name, and another where its section is broken. */
  tensor(name: string): PackTensor;
  file(name: string): Uint8Array;
}

export interface RangedPack {
  readonly header: PackHeader;
  tensor(name: string): Promise<PackTensor>;
  file(name: string): Promise<Uint8Array>;
}

/** The bytes, if they are those of the section. */
export function checkSection(
  { name, length, crc }: Section,
  bytes: Uint8Array,
  checksum = crc32c,
): Uint8Array {
  if (bytes.length !== length) {
    throw new PackError('truncated', `${name}: expected ${length} bytes, found ${bytes.length}`);
  }
  if (checksum(bytes) === crc) return bytes;
  throw new PackError('checksum', `${name}: its checksum is not that of its bytes; fetch the file again`);
}

/** What a section of a file holds, after its checksum. */
export function decodeFile(section: Section, bytes: Uint8Array): Uint8Array {
  const source = byteSource(checkSection(section, bytes), section.name);
  const content = readStream(source, { least: 0, most: MOST_FILE_BYTES }, section.name);
  const { left } = source;
  if (left < ALIGNMENT && source.take(left).every((byte) => byte === 0)) return content;
  throw new PackError('count', `${section.name}: expected its section to end with its bytes, found more`);
}

const decodeSection = (section: TensorSection, bytes: Uint8Array): PackTensor =>
  decodeTensor(section, checkSection(section, bytes));

function find<S>(sections: ReadonlyMap<string, S>, name: string): S {
  const found = sections.get(name);
  if (found) return found;
  throw new PackError('missing', `expected ${JSON.stringify(name)} in the file, found none`);
}

/** Opens a file that is in memory. Its tensors share that memory where their kind allows. */
export function openPack(bytes: Uint8Array): Pack {
  const preamble = parsePreamble(bytes.subarray(0, PREAMBLE_BYTES));
  if (bytes.length !== preamble.fileLength) {
    throw new PackError(
      'truncated',
      `expected a file of ${preamble.fileLength} bytes, found ${bytes.length}`,
    );
  }
  const header = parseHeader(preamble, bytes.subarray(PREAMBLE_BYTES, preamble.start));
  const bytesOf = ({ offset, length }: Section): Uint8Array => bytes.subarray(offset, offset + length);
  return {
    header,
    tensor(name) {
      const section = find(header.tensors, name);
      return decodeSection(section, bytesOf(section));
    },
    file(name) {
      const section = find(header.files, name);
      return decodeFile(section, bytesOf(section));
    },
  };
}

/** Opens a file that is read by ranges: preamble, header, then each section when it is asked for. */
export async function openRangedPack(read: ReadRange): Promise<RangedPack> {
  const preamble = parsePreamble(await read(0, PREAMBLE_BYTES));
  const header = parseHeader(preamble, await read(PREAMBLE_BYTES, preamble.start - PREAMBLE_BYTES));
  return {
    header,
    async tensor(name) {
      const section = find(header.tensors, name);
      return decodeSection(section, await read(section.offset, section.length));
    },
    async file(name) {
      const section = find(header.files, name);
      return decodeFile(section, await read(section.offset, section.length));
    },
  };
}
