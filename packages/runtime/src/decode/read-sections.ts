// A packed file section by section, in its order: from bytes in memory, or from chunks as they come.
import type { PackHeader, Section, TensorSection } from '../format/header.js';
import { parseHeader } from '../format/header.js';
import { PackError } from '../format/pack-error.js';
import { parsePreamble, PREAMBLE_BYTES } from '../format/preamble.js';

/** What the bytes of a section are to be given to. */
export interface Takers {
  /** Called once, before any section. */
  header(header: PackHeader): void;
  tensor(section: TensorSection, bytes: Uint8Array): void;
  file(section: Section, bytes: Uint8Array): void;
}

interface Part {
  readonly offset: number;
  readonly length: number;
  take(bytes: Uint8Array): void;
}

/** Sections in the order of the file; bytes between them belong to kinds that are left alone. */
function partsOf({ tensors, files }: PackHeader, takers: Takers): Part[] {
  const parts = [
    ...Array.from(tensors.values(), (section) => ({
      section,
      take: (bytes: Uint8Array) => {
        takers.tensor(section, bytes);
      },
    })),
    ...Array.from(files.values(), (section) => ({
      section,
      take: (bytes: Uint8Array) => {
        takers.file(section, bytes);
      },
    })),
  ];
  return parts
    .map(({ section: { offset, length }, take }) => ({ offset, length, take }))
    .sort((a, b) => a.offset - b.offset);
}

const truncated = (expected: number, found: number): PackError =>
  new PackError('truncated', `expected a file of ${expected} bytes, found ${found}`);

/** The sections of a file that is in memory; their bytes are not copied. */
export function takeSections(bytes: Uint8Array, takers: Takers): void {
  const preamble = parsePreamble(bytes.subarray(0, PREAMBLE_BYTES));
  if (bytes.length !== preamble.fileLength) throw truncated(preamble.fileLength, bytes.length);
  const header = parseHeader(preamble, bytes.subarray(PREAMBLE_BYTES, preamble.start));
  takers.header(header);
  for (const { offset, length, take } of partsOf(header, takers)) take(bytes.subarray(offset, offset + length));
}

/** Of a section whose length is not yet believed, so much is made room for at once. */
const FIRST_BYTES = 2 ** 26;

/** Bytes in order, from chunks of any size. */
function chunkReader(chunks: AsyncIterable<Uint8Array>) {
  const iterator = chunks[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array();
  let [used, passed] = [0, 0];
  /** Calls back with the next bytes, in pieces; fewer than `length` where the chunks end. */
  const each = async (length: number, visit: (piece: Uint8Array, at: number) => void): Promise<number> => {
    let at = 0;
    while (at < length) {
      if (used === chunk.length) {
        const { done, value } = await iterator.next();
        if (done) break;
        [chunk, used] = [value, 0];
        continue;
      }
      const piece = chunk.subarray(used, used + length - at);
      visit(piece, at);
      at += piece.length;
      used += piece.length;
      passed += piece.length;
    }
    return at;
  };
  return {
    /** Bytes so far. */
    get passed() {
      return passed;
    },
    skip: (length: number) => each(length, () => undefined),
    read: async (length: number): Promise<Uint8Array> => {
      let bytes = new Uint8Array(Math.min(length, FIRST_BYTES));
      const found = await each(length, (piece, at) => {
        if (at + piece.length > bytes.length) {
          const larger = new Uint8Array(Math.min(length, 2 * (at + piece.length)));
          larger.set(bytes.subarray(0, at));
          bytes = larger;
        }
        bytes.set(piece, at);
      });
      return bytes.subarray(0, found);
    },
  };
}

/** The sections of a file whose bytes come in order; no more than one of them is held at a time. */
export async function streamSections(chunks: AsyncIterable<Uint8Array>, takers: Takers): Promise<void> {
  const reader = chunkReader(chunks);
  const preamble = parsePreamble(await reader.read(PREAMBLE_BYTES));
  const header = parseHeader(preamble, await reader.read(preamble.start - PREAMBLE_BYTES));
  takers.header(header);
  for (const { offset, length, take } of partsOf(header, takers)) {
    await reader.skip(offset - reader.passed);
    const bytes = await reader.read(length);
    if (bytes.length < length) throw truncated(preamble.fileLength, reader.passed);
    take(bytes);
  }
  await reader.skip(preamble.fileLength - reader.passed);
  const more = await reader.read(1);
  if (reader.passed !== preamble.fileLength || more.length > 0) throw truncated(preamble.fileLength, reader.passed);
}
