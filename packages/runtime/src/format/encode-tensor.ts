// The bytes of one packed tensor: streams in the order of docs/format.md.
import { byteSink, type ByteSink, packNibbles } from './bytes.js';
import { writeStream } from './stream.js';
import type { PackTensor } from './tensors.js';

/** Gaps of more than this take a byte of ESCAPE for every so many columns. */
export const ESCAPE = 255;

const rawBytes = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Two streams: upper bytes, lower bytes. */
function writeWords(sink: ByteSink, words: Uint16Array): void {
  writeStream(
    sink,
    Uint8Array.from(words, (word) => word >>> 8),
  );
  writeStream(
    sink,
    Uint8Array.from(words, (word) => word & 255),
  );
}

/** Scales as bfloat16, which is what the writer rounds them to. */
function writeScales(sink: ByteSink, scales: Float32Array): void {
  const bits = new Uint32Array(scales.buffer, scales.byteOffset, scales.length);
  writeWords(
    sink,
    Uint16Array.from(bits, (word) => word >>> 16),
  );
}

/** Numbers of values by row, then gaps. */
function writePattern(
  sink: ByteSink,
  { starts, columns }: { starts: Uint32Array; columns: Uint16Array },
): void {
  const rows = starts.length - 1;
  const counts = Uint16Array.from({ length: rows }, (_, row) => starts[row + 1]! - starts[row]!);
  writeWords(sink, counts);
  const gaps = byteSink();
  for (let row = 0; row < rows; row++) {
    let next = 0;
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      let gap = columns[at]! - next;
      for (; gap >= ESCAPE; gap -= ESCAPE) gaps.u8(ESCAPE);
      gaps.u8(gap);
      next = columns[at]! + 1;
    }
  }
  writeStream(sink, gaps.bytes());
}

/** Bytes of a tensor's section, and how many of them tell its pattern. */
export interface EncodedTensor {
  readonly bytes: Uint8Array;
  readonly patternBytes: number;
}

export function encodeTensor(tensor: PackTensor): EncodedTensor {
  const sink = byteSink();
  let patternBytes = 0;
  if ('starts' in tensor) {
    writePattern(sink, tensor);
    patternBytes = sink.length;
  }
  if ('scales' in tensor) writeScales(sink, tensor.scales);
  if ('codebook' in tensor) sink.append(rawBytes(tensor.codebook));
  switch (tensor.kind) {
    case 'f32':
    case 'f16':
      sink.append(rawBytes(tensor.data));
      break;
    case 'sparse-codebook':
      // Two a byte: half as many symbols, and half of what codes of whole bits cost.
      writeStream(sink, packNibbles(tensor.data));
      break;
    case 'sparse-f16':
      writeWords(sink, tensor.data);
      break;
    default:
      writeStream(sink, rawBytes(tensor.data));
  }
  return { bytes: sink.bytes(), patternBytes };
}
