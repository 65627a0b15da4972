// Safetensors files, read and written (github.com/huggingface/safetensors). Data is little-endian, as are the
// machines this runs on, so a tensor's bytes are its typed array's. Each tensor gets an array of its own: files of
// more than 2 GiB work, and no array depends on where the file put its bytes.
import { open } from 'node:fs/promises';
import { EspalierError, FormatError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { ioError } from '../io/io-error.js';
import {
  BYTES,
  headerLength,
  isWellFormed,
  MAX_HEADER_BYTES,
  MAX_TENSORS,
  METADATA_KEY,
  parseHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
} from './safetensors-header.js';
import { type Dtype, type HostTensor, sizeOf, type TensorArrays } from './tensor.js';

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the file. */
  readonly tensors: Map<string, HostTensor>;
}

const ARRAYS: { readonly [D in Dtype]: new (buffer: ArrayBuffer) => TensorArrays[D] } = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** One read call asks for at most this many bytes: Node refuses 2 GiB and more. */
const CHUNK = 1 << 30;

const asTensor = ({ dtype, shape }: SafetensorsEntry, buffer: ArrayBuffer): HostTensor => ({
  dtype,
  shape,
  data: new ARRAYS[dtype](buffer),
});

/** The tensors of a safetensors file in memory, copied out of it. Throws FormatError naming `path`. */
export function parseSafetensors(bytes: Uint8Array, path: string): Safetensors {
  const length = headerLength(bytes, bytes.byteLength, path);
  const header = parseHeader(bytes.subarray(8, 8 + length), bytes.byteLength - 8 - length, path);
  const tensors = new Map<string, HostTensor>();
  for (const [name, entry] of header.entries) {
    const data = new Uint8Array(entry.end - entry.begin);
    data.set(bytes.subarray(header.dataStart + entry.begin, header.dataStart + entry.end));
    tensors.set(name, asTensor(entry, data.buffer));
  }
  return { metadata: header.metadata, tensors };
}

/** Reads bytes at a position of an open file. */
type ReadAt = (position: number, length: number) => Promise<Uint8Array<ArrayBuffer>>;

/** Opens a file, reads and checks its header, and hands both to `use`. */
async function withHeader<T>(
  path: string,
  use: (header: SafetensorsHeader, readAt: ReadAt) => T | Promise<T>,
): Promise<T> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const readAt: ReadAt = async (position, length) => {
        const bytes = new Uint8Array(length);
        for (let done = 0; done < length;) {
          const wanted = Math.min(CHUNK, length - done);
          const { bytesRead } = await file.read(bytes, done, wanted, position + done);
          if (bytesRead === 0) throw new FormatError(path, 'the file became shorter while it was read');
          done += bytesRead;
        }
        return bytes;
      };
      const length = headerLength(await readAt(0, Math.min(8, size)), size, path);
      return await use(parseHeader(await readAt(8, length), size - 8 - length, path), readAt);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw ioError(cause, 'reading', path);
  }
}

/** Names, shapes and metadata of a file; its data is not read. Throws as `readSafetensors`. */
export const readSafetensorsHeader = (path: string): Promise<SafetensorsHeader> =>
  withHeader(path, (header) => header);

/**
 * Every tensor of a file, each in an array of its own. Throws FormatError naming file, tensor, expected and found
 * when it is not valid, EspalierError when it cannot be read.
 */
export const readSafetensors = (path: string): Promise<Safetensors> =>
  withHeader(path, async (header, readAt) => {
    const tensors = new Map<string, HostTensor>();
    for (const [name, entry] of header.entries) {
      const bytes = await readAt(header.dataStart + entry.begin, entry.end - entry.begin);
      tensors.set(name, asTensor(entry, bytes.buffer));
    }
    return { metadata: header.metadata, tensors };
  });

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;

/** Wide elements first, so that every tensor is aligned to its element, then by name. */
const inFileOrder = (tensors: ReadonlyMap<string, HostTensor>): [string, HostTensor][] =>
  [...tensors].sort((a, b) => BYTES[b[1].dtype] - BYTES[a[1].dtype] || byName(a, b));

function checkWritable(name: string, { shape, data }: HostTensor, path: string): void {
  if (name === METADATA_KEY || !isWellFormed(name)) {
    throw new EspalierError(`cannot write ${path}: ${JSON.stringify(name)} cannot be the name of a tensor`);
  }
  if (sizeOf(shape) !== data.length) {
    throw new EspalierError(
      `cannot write ${path}: tensor "${name}" has shape [${shape.join(', ')}], expected ${sizeOf(shape)} values, ` +
        `found ${data.length}`,
    );
  }
}

/** Length, JSON padded with spaces to a multiple of 8, for tensors in file order. */
function encodeHeader(
  tensors: readonly [string, HostTensor][],
  metadata: Readonly<Record<string, string>>,
  path: string,
): Uint8Array {
  let end = 0;
  const entries = tensors.map(([name, { dtype, shape, data }]) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }] as const;
  });
  const described = Object.entries(metadata).sort(byName);
  const head = described.length > 0 ? [[METADATA_KEY, Object.fromEntries(described)] as const] : [];
  // Object.fromEntries would move names like "0" to the front.
  const json = `{${[...head, ...entries].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.byteLength / 8) * 8;
  if (length > MAX_HEADER_BYTES || tensors.length > MAX_TENSORS) {
    throw new EspalierError(
      `cannot write ${path}: expected a header of at most ${MAX_HEADER_BYTES} bytes and ${MAX_TENSORS} tensors, ` +
        `found ${length} bytes and ${tensors.length} tensors`,
    );
  }
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

/**
 * Writes tensors to a file, whole or not at all. The bytes depend on names, values and metadata alone, not on the
 * order of the map. Throws EspalierError naming the file.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ordered = inFileOrder(tensors);
  for (const [name, tensor] of ordered) checkWritable(name, tensor, path);
  const header = encodeHeader(ordered, metadata, path);
  await writeFileAtomic(path, async (write) => {
    await write(header);
    for (const [, { data }] of ordered) {
      await write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  });
}
