// The header of a safetensors file (github.com/huggingface/safetensors, "Format"): u64 length, then a JSON object
// of name -> dtype, shape, data_offsets, then the data. Every promise the rest of the program relies on is checked
// here, before anything of the claimed size is allocated.
import { z } from 'zod';
import { FormatError } from '../errors.js';
import { decodeUtf8, parseJson } from '../io/json.js';
import type { Dtype, Shape } from './tensor.js';

/** Bytes of one element. */
export const BYTES: Readonly<Record<Dtype, number>> = {
  F64: 8,
  I64: 8,
  F32: 4,
  I32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

export const METADATA_KEY = '__metadata__';
export const MAX_HEADER_BYTES = 100_000_000;
export const MAX_TENSORS = 65_536;

export interface SafetensorsEntry {
  readonly dtype: Dtype;
  readonly shape: Shape;
  /** First byte of the tensor, counted from the end of the header. */
  readonly begin: number;
  /** The byte after its last. */
  readonly end: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their data. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  /** Where the data begins in the file. */
  readonly dataStart: number;
}

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/** A name as it stands in messages: quoted, control characters escaped, not longer than a line. */
const quote = (name: string): string => JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}...` : name);

/** Text that UTF-8 can hold: a lone surrogate would come back as another name. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

/**
 * Bytes of the header that stands behind the u64 in `prefix`, the first 8 bytes of a file of `fileBytes`.
 * Throws FormatError when it is not plausible.
 */
export function headerLength(prefix: Uint8Array, fileBytes: number, path: string): number {
  if (fileBytes < 8 || prefix.byteLength < 8) {
    throw new FormatError(
      path,
      `expected a safetensors file, which begins with 8 bytes of header length; found ${fileBytes} bytes`,
    );
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw new FormatError(
      path,
      `expected a safetensors header of at most ${MAX_HEADER_BYTES} bytes, found a length of ${length.toString()}`,
    );
  }
  if (Number(length) > fileBytes - 8) {
    throw new FormatError(
      path,
      `expected a header of ${length.toString()} bytes, found ${fileBytes - 8} after the length; the file is truncated`,
    );
  }
  return Number(length);
}

function checkMetadata(value: unknown, path: string): Readonly<Record<string, string>> {
  const metadata = Object.create(null) as Record<string, string>; // no inherited names, "__proto__" is a key
  if (value === undefined) return metadata;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FormatError(path, `${METADATA_KEY}: expected an object of strings`);
  }
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      throw new FormatError(path, `${METADATA_KEY} ${quote(key)}: expected a string, found ${typeof text}`);
    }
    metadata[key] = text;
  }
  return metadata;
}

/** Bytes of a tensor, or undefined where a product leaves the safe integers. */
function checkedBytes(dtype: Dtype, shape: Shape): number | undefined {
  let bytes = BYTES[dtype];
  for (const extent of shape) {
    bytes *= extent;
    if (!Number.isSafeInteger(bytes)) return undefined;
  }
  return bytes;
}

function checkEntry(name: string, value: unknown, path: string): SafetensorsEntry {
  const where = `tensor ${quote(name)}`;
  if (!isWellFormed(name))
    throw new FormatError(path, `${where}: expected a name in Unicode, found half a pair`);
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new FormatError(
      path,
      `${where}: expected {dtype, shape, data_offsets}; ${issue.path.join('.')} ${issue.message}`,
    );
  }
  const { shape, data_offsets: offsets } = parsed.data;
  const [begin, end] = offsets;
  if (!Object.hasOwn(BYTES, parsed.data.dtype)) {
    const known = Object.keys(BYTES).join(', ');
    throw new FormatError(path, `${where}: expected a dtype of ${known}; found ${quote(parsed.data.dtype)}`);
  }
  const dtype = parsed.data.dtype as Dtype;
  const bytes = checkedBytes(dtype, shape);
  if (bytes !== end - begin) {
    throw new FormatError(
      path,
      `${where}: expected ${bytes ?? 'more than 2^53'} bytes for ${dtype} [${quoteShape(shape)}], ` +
        `found data_offsets ${begin} to ${end}`,
    );
  }
  return { dtype, shape, begin, end };
}

const quoteShape = (shape: Shape): string =>
  shape.length > 8 ? `${shape.slice(0, 8).join(', ')}, ...` : shape.join(', ');

/** The entries in data order. Throws FormatError unless they cover the data exactly, without gap or overlap. */
function inDataOrder(
  entries: readonly [string, SafetensorsEntry][],
  dataBytes: number,
  path: string,
): Map<string, SafetensorsEntry> {
  const sorted = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let covered = 0;
  for (const [name, { begin, end }] of sorted) {
    if (begin !== covered) {
      const fault = begin < covered ? 'an overlap' : 'a gap';
      throw new FormatError(
        path,
        `tensor ${quote(name)}: expected data_offsets from ${covered}, found ${begin} (${fault})`,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    const fault = covered < dataBytes ? 'bytes that belong to no tensor' : 'the file is truncated';
    throw new FormatError(path, `expected ${covered} bytes of tensor data, found ${dataBytes}; ${fault}`);
  }
  return new Map(sorted);
}

/**
 * The header from its JSON bytes; `dataBytes` is what follows it in the file. Throws FormatError naming file,
 * tensor, expected and found for anything the format does not allow.
 */
export function parseHeader(json: Uint8Array, dataBytes: number, path: string): SafetensorsHeader {
  const text = decodeUtf8(json, path, 'safetensors header');
  if (!text.startsWith('{')) {
    throw new FormatError(path, `safetensors header: expected "{" first, found ${quote(text.slice(0, 1))}`);
  }
  const header = parseJson(text, path, 'safetensors header') as Record<string, unknown>;
  const named = Object.entries(header).filter(([name]) => name !== METADATA_KEY);
  if (named.length > MAX_TENSORS) {
    throw new FormatError(path, `expected at most ${MAX_TENSORS} tensors, found ${named.length}`);
  }
  const entries = named.map(([name, value]): [string, SafetensorsEntry] => [
    name,
    checkEntry(name, value, path),
  ]);
  return {
    metadata: checkMetadata(Object.hasOwn(header, METADATA_KEY) ? header[METADATA_KEY] : undefined, path),
    entries: inDataOrder(entries, dataBytes, path),
    dataStart: 8 + json.byteLength,
  };
}
