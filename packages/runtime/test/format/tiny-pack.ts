// A small packed file with a tensor of every kind, for the tests that break it.
import { crc32c } from '../../src/format/crc32c.js';
import { PREAMBLE_BYTES } from '../../src/format/preamble.js';
import {
  openPack,
  type PackTensor,
  toF16,
  toF32,
  toInt4,
  toInt8,
  writePack,
} from '../../src/format/index.js';
import { toSparse1x4, toSparseCodebook, toSparseF16, toSparseInt8 } from '../../src/format/sparsify.js';
import { gaussian, pruned } from './weights.js';

const SHAPE = [12, 37];
const SIZE = 12 * 37;

export function tinyTensors(): Map<string, PackTensor> {
  const dense = gaussian(SIZE, 1);
  const sparse = pruned(dense, 0.8);
  return new Map([
    ['bias', toF32([5], gaussian(5, 2))],
    ['norm', toF16([7], gaussian(7, 3))],
    ['words', toInt8(SHAPE, dense)],
    ['positions', toInt4(SHAPE, dense, 16)],
    ['query', toSparseInt8(SHAPE, sparse)],
    ['key', toSparseCodebook(SHAPE, sparse)],
    ['value', toSparseF16(SHAPE, sparse)],
    ['output', toSparse1x4(SHAPE, pruned(dense, 0.8, 4))],
  ]);
}

export const tinyPack = (): Uint8Array =>
  writePack({
    config: { model_type: 'bert', hidden_size: 8 },
    task: { name: 'sst2', kind: 'classification', labels: ['no', 'yes'] },
    tensors: tinyTensors(),
    files: new Map([['vocab.txt', new TextEncoder().encode('[PAD]\n[UNK]\nthe\n'.repeat(8))]]),
  }).bytes;

/** Opens a file and decodes all of it. */
export function readAll(bytes: Uint8Array): void {
  const pack = openPack(bytes);
  for (const name of pack.header.tensors.keys()) pack.tensor(name);
  for (const name of pack.header.files.keys()) pack.file(name);
}

/**
 * The file with its checksums made right again after its bytes were changed, so that what is behind them is reached.
 * Checksums of sections stand in the header in decimal; one of another number of digits cannot be put right.
 */
export function repairChecksums(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < PREAMBLE_BYTES) return;
  const start = PREAMBLE_BYTES + view.getUint32(12, true);
  if (start > bytes.length) return;
  const header = bytes.subarray(PREAMBLE_BYTES, start);
  const text = new TextDecoder('latin1').decode(header);
  for (const found of text.matchAll(/"offset":(\d+),"length":(\d+),"crc":(\d+)/g)) {
    const [offset, length] = [start + Number(found[1]), Number(found[2])];
    const crc = String(crc32c(bytes.subarray(offset, offset + length)));
    const place = found.index + found[0].length - found[3]!.length;
    if (crc.length > found[3]!.length) continue;
    header.set(new TextEncoder().encode(crc.padEnd(found[3]!.length)), place);
  }
  view.setUint32(24, crc32c(header), true);
  view.setUint32(28, crc32c(bytes.subarray(0, 28)), true);
}
