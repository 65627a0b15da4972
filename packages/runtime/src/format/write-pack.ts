// Writing a packed file.
import { byteSink } from './bytes.js';
import { crc32c } from './crc32c.js';
import { ALIGNMENT } from './decode-tensor.js';
import { encodeTensor } from './encode-tensor.js';
import type { JsonObject } from '../json.js';
import type { PackTask } from './header.js';
import { PREAMBLE_BYTES, writePreamble } from './preamble.js';
import { writeStream } from './stream.js';
import type { PackTensor } from './tensors.js';

export interface PackContent {
  /** config.json, as transformers has it. */
  readonly config: JsonObject;
  readonly task?: PackTask | undefined;
  readonly tensors: ReadonlyMap<string, PackTensor>;
  /** The tokenizer's files; without them a model takes ids alone. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** What the bytes of a section are for. */
export interface WrittenSection {
  readonly name: string;
  readonly length: number;
  /** Of `length`, those that tell where values stand. */
  readonly patternBytes: number;
}

export interface WrittenPack {
  readonly bytes: Uint8Array;
  readonly sections: readonly WrittenSection[];
}

const aligned = (length: number): number => Math.ceil(length / ALIGNMENT) * ALIGNMENT;

/** JSON, with spaces after it up to a multiple of ALIGNMENT. */
function headerBytes(json: JsonObject): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(json));
  const bytes = new Uint8Array(aligned(PREAMBLE_BYTES + text.length) - PREAMBLE_BYTES).fill(0x20);
  bytes.set(text);
  return bytes;
}

export function writePack({ config, task, tensors, files }: PackContent): WrittenPack {
  const body = byteSink();
  const sections: WrittenSection[] = [];
  const place = (name: string, bytes: Uint8Array, patternBytes: number): JsonObject => {
    const offset = body.length;
    const padded = new Uint8Array(aligned(bytes.length));
    padded.set(bytes);
    body.append(padded);
    sections.push({ name, length: padded.length, patternBytes });
    return { offset, length: padded.length, crc: crc32c(padded) };
  };
  const tensorEntries = Array.from(tensors, ([name, tensor]) => {
    const { bytes, patternBytes } = encodeTensor(tensor);
    const { kind, shape } = tensor;
    const form = { name, kind, shape, ...(tensor.kind === 'int4' && { group: tensor.group }) };
    return { ...form, ...place(name, bytes, patternBytes) };
  });
  const fileEntries = Array.from(files, ([name, bytes]) => {
    const sink = byteSink();
    writeStream(sink, bytes);
    return { name, kind: 'stream', ...place(name, sink.bytes(), 0) };
  });
  const header = headerBytes({ config, ...(task && { task }), tensors: tensorEntries, files: fileEntries });
  const file = byteSink();
  file.append(writePreamble(header, PREAMBLE_BYTES + header.length + body.length));
  file.append(header);
  file.append(body.bytes());
  return { bytes: file.bytes(), sections };
}
