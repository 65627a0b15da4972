// What the bytes of a packed file are for, and how near those of the encoder are to their entropy.
import type { PackTensor, WrittenPack } from '@espalier/runtime/format';
import { formatBytes, formatPercent } from './format.js';
import { renderTable } from './tables.js';

export interface PackSize {
  readonly bytes: number;
  /** Float32 bytes of all tensors. */
  readonly denseF32: number;
  /** Encoder matrices: values with their scales, and where they stand. */
  readonly encoder: {
    readonly denseF32: number;
    readonly values: number;
    readonly pattern: number;
    /** Measured entropy of values and pattern, in bytes: what a coder without memory cannot go below. */
    readonly entropy: number;
  };
  readonly embeddings: number;
  /** LayerNorm, biases, pooler, heads. */
  readonly rest: number;
  readonly tokenizer: number;
  readonly header: number;
}

/** Bits of a sequence by the frequencies of its symbols. */
function symbolBits(symbols: Int8Array | Uint8Array | Uint16Array): number {
  const counts = new Uint32Array(65536);
  for (const symbol of symbols) counts[symbol & 65535]!++;
  return counts.reduce(
    (bits, count) => (count === 0 ? bits : bits - count * Math.log2(count / symbols.length)),
    0,
  );
}

/** Bits of a mask of `places` with `kept` ones. */
function maskBits(kept: number, places: number): number {
  const side = (count: number): number => (count === 0 ? 0 : -count * Math.log2(count / places));
  return side(kept) + side(places - kept);
}

/** Bits of half floats: of their upper bytes and of their lower ones, which are coded apart. */
const halfBits = (words: Uint16Array): number =>
  symbolBits(words.map((word) => word >>> 8)) + symbolBits(words.map((word) => word & 255));

/** Measured entropy of a tensor in bits: pattern and values; f32 as they are, since nothing codes them. */
export function entropyBits(tensor: PackTensor, size: number): number {
  switch (tensor.kind) {
    case 'f32':
      return 8 * tensor.data.byteLength;
    case 'f16':
      return halfBits(tensor.data);
    case 'int8':
    case 'int4':
      return symbolBits(tensor.data);
    case 'sparse-f16':
      return maskBits(tensor.columns.length, size) + halfBits(tensor.data);
    default: {
      const places = tensor.kind === 'sparse-1x4' ? Math.ceil(size / 4) : size;
      return maskBits(tensor.columns.length, places) + symbolBits(tensor.data);
    }
  }
}

/** The sizes of a written pack; `partOf` tells encoder matrices and embedding tables from the rest. */
export function measurePack(
  { bytes, sections }: WrittenPack,
  tensors: ReadonlyMap<string, PackTensor>,
  sizes: ReadonlyMap<string, number>,
  partOf: (name: string) => 'encoder' | 'embeddings' | 'rest',
): PackSize {
  const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
  const ofTensors = sections.filter(({ name }) => tensors.has(name));
  const of = (part: string) => ofTensors.filter(({ name }) => partOf(name) === part);
  const lengths = (list: typeof sections): number => sum(list.map(({ length }) => length));
  const encoder = of('encoder');
  const pattern = sum(encoder.map(({ patternBytes }) => patternBytes));
  return {
    bytes: bytes.length,
    denseF32: 4 * sum(sizes.values()),
    encoder: {
      denseF32: 4 * sum(encoder.map(({ name }) => sizes.get(name)!)),
      values: lengths(encoder) - pattern,
      pattern,
      entropy: sum(encoder.map(({ name }) => entropyBits(tensors.get(name)!, sizes.get(name)!))) / 8,
    },
    embeddings: lengths(of('embeddings')),
    rest: lengths(of('rest')),
    tokenizer: lengths(sections) - lengths(ofTensors),
    header: bytes.length - lengths(sections),
  };
}

/** The parts as a table, and the encoder against its entropy. */
export function packTable(size: PackSize): string {
  const { encoder } = size;
  const packed = encoder.values + encoder.pattern;
  const rows: readonly (readonly [string, number])[] = [
    ['encoder, values', encoder.values],
    ['encoder, pattern', encoder.pattern],
    ['embeddings', size.embeddings],
    ['other tensors', size.rest],
    ['tokenizer', size.tokenizer],
    ['header', size.header],
    ['file', size.bytes],
  ];
  const times = (dense: number, bytes: number): string => `${(dense / bytes).toFixed(1)} times`;
  return (
    renderTable(
      [{ title: 'part' }, { title: 'bytes', align: 'right' }],
      rows.map(([part, bytes]) => [part, formatBytes(bytes)]),
    ) +
    `encoder: ${times(encoder.denseF32, packed)} smaller than float32, ` +
    `${formatPercent(packed / encoder.entropy - 1)} above the measured entropy of pattern and values\n` +
    `file: ${times(size.denseF32, size.bytes)} smaller than the weights in float32\n`
  );
}
