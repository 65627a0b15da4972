// A packed file section by section, in its order: from bytes in memory, or from chunks as they come.
import type { PackHeader, Section, TensorSection } from '../format/header.js';
import { parseHeader } from '../format/header.js';
import { PackError } from '../format/pack-error.js';
import { parsePreamble, PREAMBLE_BYTES } from '../format/preamble.js';

/** A section and where in the file it is. */
type Place =
  | { readonly of: 'tensor'; readonly section: TensorSection }
  | { readonly of: 'file'; readonly section: Section };

export type SectionBytes = Place & { readonly bytes: Uint8Array };

/** A file's header, and its sections in order. */
export interface PackSections {
  readonly header: PackHeader;
  readonly fileLength: number;
  readonly sections: Iterable<SectionBytes> | AsyncIterable<SectionBytes>;
}

/** Sections in the order of the file; bytes between them belong to kinds that are left alone. */
function placesOf({ tensors, files }: PackHeader): Place[] {
  const places: Place[] = [
    ...Array.from(tensors.values(), (section): Place => ({ of: 'tensor', section })),
    ...Array.from(files.values(), (section): Place => ({ of: 'file', section })),
  ];
  return places.sort((a, b) => a.section.offset - b.section.offset);
}

const truncated = (expected: number, found: number): PackError =>
  new PackError('truncated', `expected a file of ${expected} bytes, found ${found}`);

/** The sections of a file that is in memory; their bytes are not copied, nor checked yet. */
export function sectionsOf(bytes: Uint8Array): PackSections & { readonly sections: Iterable<SectionBytes> } {
  const preamble = parsePreamble(bytes.subarray(0, PREAMBLE_BYTES));
  if (bytes.length !== preamble.fileLength) throw truncated(preamble.fileLength, bytes.length);
  const header = parseHeader(preamble, bytes.subarray(PREAMBLE_BYTES, preamble.start));
  const sections = placesOf(header).map((place) => {
    const { offset, length } = place.section;
    return { ...place, bytes: bytes.subarray(offset, offset + length) };
  });
  return { header, fileLength: preamble.fileLength, sections };
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
        const next = await iterator.next();
        if (next.done === true) break;
        [chunk, used] = [next.value, 0];
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
export async function streamSections(
  chunks: AsyncIterable<Uint8Array>,
): Promise<PackSections & { readonly sections: AsyncIterable<SectionBytes> }> {
  const reader = chunkReader(chunks);
  const preamble = parsePreamble(await reader.read(PREAMBLE_BYTES));
  const header = parseHeader(preamble, await reader.read(preamble.start - PREAMBLE_BYTES));
  const { fileLength } = preamble;
  return { header, fileLength, sections: readOn(reader, header, fileLength) };
}

async function* readOn(
  reader: ReturnType<typeof chunkReader>,
  header: PackHeader,
  fileLength: number,
): AsyncGenerator<SectionBytes> {
  for (const place of placesOf(header)) {
    const { offset, length } = place.section;
    await reader.skip(offset - reader.passed);
    const bytes = await reader.read(length);
    if (bytes.length < length) throw truncated(fileLength, reader.passed);
    yield { ...place, bytes };
  }
  await reader.skip(fileLength - reader.passed);
  await reader.skip(1);
  if (reader.passed !== fileLength) throw truncated(fileLength, reader.passed);
}
