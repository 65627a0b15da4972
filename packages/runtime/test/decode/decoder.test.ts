// Sections put into a memory by WebAssembly against the reader and the arrays in TypeScript: of every kind in every form that
// has a way of its own, and of any shape.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LinearWeights } from '../../src/encoder/weights.js';
import { byteSink } from '../../src/format/bytes.js';
import { crc32c } from '../../src/format/crc32c.js';
import { encodeTensor } from '../../src/format/encode-tensor.js';
import type { TensorSection } from '../../src/format/header.js';
import { extentOf, type PackTensor, toF16, toF32, toInt4, toInt8 } from '../../src/format/index.js';
import { writeStream } from '../../src/format/stream.js';
import { toSparse1x4, toSparseCodebook, toSparseF16, toSparseInt8 } from '../../src/format/sparsify.js';
import { gaussian, skewed, uniform } from '../format/weights.js';
import { layerBytes, type Side, sides, tableBytes } from '../support/decoders.js';

function sectionOf(tensor: PackTensor): readonly [TensorSection, Uint8Array] {
  const { bytes } = encodeTensor(tensor);
  const padded = new Uint8Array(16 * Math.ceil(bytes.length / 16));
  padded.set(bytes);
  const { kind, shape } = tensor;
  const group = tensor.kind === 'int4' ? tensor.group : undefined;
  const at = { offset: 0, length: padded.length, crc: crc32c(padded) };
  return [{ name: 'w', kind, shape, group, ...at }, padded];
}

type Make = (shape: number[], values: Float32Array) => PackTensor;

/** Of a matrix whose rows are filled up to a multiple of four: blocks past the last column are left to the twin. */
const inFours =
  (make: Make): Make =>
  ([rows, columns], values) => {
    const width = 4 * Math.ceil(columns! / 4);
    const filled = new Float32Array(rows! * width);
    for (let row = 0; row < rows!; row++)
      filled.set(values.subarray(row * columns!, (row + 1) * columns!), row * width);
    return make([rows!, width], filled);
  };

const LAYERS: readonly (readonly [string, LinearWeights['form'], Make])[] = [
  ['sparse-int8', 'q15', toSparseInt8],
  ['sparse-int8', 'f32', toSparseInt8],
  ['sparse-int8', 'quads', toSparseInt8],
  ['sparse-codebook', 'quads', toSparseCodebook],
  ['sparse-f16', 'quads', toSparseF16],
  ['sparse-codebook', 'q15', toSparseCodebook],
  ['sparse-codebook', 'f32', toSparseCodebook],
  ['sparse-f16', 'f32', toSparseF16],
  ['sparse-f16', 'q15', toSparseF16],
  ['sparse-1x4', 'int8', inFours(toSparse1x4)],
  ['int8', 'int8', toInt8],
  ['f32', 'dense', toF32],
  ['f16', 'dense', toF16],
];

const TABLES: readonly (readonly [string, Make])[] = [
  ['f32', toF32],
  ['f16', toF16],
  ['int8', toInt8],
  ['int4', (shape, values) => toInt4(shape, values, 16)],
];

/** Matrices with rows that are empty and rows that are full, gaps of more than a byte, and tiny values among them. */
const matrices = fc
  .record({
    rows: fc.integer({ min: 0, max: 9 }),
    columns: fc.oneof(fc.integer({ min: 1, max: 41 }), fc.integer({ min: 250, max: 1100 })),
    density: fc.constantFrom(0, 0.001, 0.02, 0.3, 0.9, 1),
    seed: fc.nat(),
  })
  .map(({ rows, columns, density, seed }) => {
    const next = uniform(seed);
    const densities = Array.from({ length: rows }, () => (next() < 0.2 ? Math.round(next()) : density));
    const values = gaussian(rows * columns, seed).map((value, at) =>
      next() < densities[Math.floor(at / columns)]! ? (next() < 0.05 ? 1e-6 * value : value) : 0,
    );
    return { shape: [rows, columns], values };
  });

describe.each(['dot', 'relaxed', 'simd'] as const)('%s', (level) => {
  const wide = level === 'simd';
  const [wasm, twin] = sides(level, true);

  it.each(LAYERS)('%s as %s', async (_, as, make) => {
    await fc.assert(
      fc.asyncProperty(matrices, async ({ shape, values }) => {
        const [section, bytes] = sectionOf(make(shape, values));
        const layerOf = async (side: Side) => {
          const mark = side.arena.mark();
          const linear = await side.decoder.linear(section, side.decoder.check(section, bytes), as);
          side.arena.release(mark);
          return layerBytes(side, linear, wide);
        };
        const [found, expected] = [await layerOf(wasm), await layerOf(twin)];
        expect(found).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});

describe('tables', () => {
  const [wasm, twin] = sides('simd', true);
  it.each(TABLES)('%s', async (_, make) => {
    await fc.assert(
      fc.asyncProperty(matrices, async ({ shape, values }) => {
        const [section, bytes] = sectionOf(make(shape, values));
        const tableOf = async (side: Side) => {
          const mark = side.arena.mark();
          const table = await side.decoder.table(section, side.decoder.check(section, bytes));
          side.arena.release(mark);
          return tableBytes(side, table, extentOf(section.shape).columns);
        };
        const [found, expected] = [await tableOf(wasm), await tableOf(twin)];
        expect(found).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});

/** As toEqual finds, which takes seconds for so many. */
const areSame = (found: ArrayBufferView, expected: ArrayBufferView): boolean =>
  Buffer.from(found.buffer, found.byteOffset, found.byteLength).equals(
    Buffer.from(expected.buffer, expected.byteOffset, expected.byteLength),
  );

describe('streams', () => {
  const [wasm, twin] = sides('simd', true);

  it('longer than a window, coded and as they are, come out as they went in', async () => {
    const next = uniform(7);
    for (const spread of [3, 40, 254]) {
      const [rows, columns] = [700, 301];
      const data = Int8Array.from({ length: rows * columns }, () => Math.floor(spread * (next() - 0.5)));
      const scales = new Float32Array(rows).fill(1);
      const [section, bytes] = sectionOf({ kind: 'int8', shape: [rows, columns], scales, data });
      wasm.decoder.check(section, bytes);
      const { at } = await wasm.decoder.table(section, bytes);
      expect(areSame(wasm.arena.views().i8.subarray(at.table, at.table + data.length), data)).toBe(true);
    }
  });

  it('of a file are its bytes, of any length, coded and as they are', async () => {
    const next = uniform(11);
    for (const [length, spread] of [
      [0, 1],
      [5, 256],
      [300, 256],
      [70_000, 256],
      [200_001, 9],
    ] as const) {
      const content = Uint8Array.from({ length }, () => Math.floor(spread * next()));
      const sink = byteSink();
      writeStream(sink, content);
      const bytes = new Uint8Array(16 * Math.ceil(sink.length / 16));
      bytes.set(sink.bytes());
      const section = { name: 'vocab.txt', offset: 0, length: bytes.length, crc: crc32c(bytes) };
      for (const { arena, decoder } of [wasm, twin]) {
        const mark = arena.mark();
        expect(areSame(await decoder.file(section, bytes), content)).toBe(true);
        expect(arena.mark()).toBe(mark);
      }
    }
  });

  it('of several blocks are refused where the twin refuses them, wherever they are broken', async () => {
    const next = uniform(5);
    const content = skewed(70_000, 5);
    const sink = byteSink();
    writeStream(sink, content);
    const bytes = new Uint8Array(16 * Math.ceil(sink.length / 16));
    bytes.set(sink.bytes());
    const outcome = async ({ decoder }: Side, of: Uint8Array): Promise<unknown> => {
      const section = { name: 'vocab.txt', offset: 0, length: of.length, crc: crc32c(of) };
      try {
        return crc32c(await decoder.file(section, of));
      } catch {
        return 'refused';
      }
    };
    let read = 0;
    for (let i = 0; i < 300; i++) {
      const changed = bytes.slice();
      // Every third one in its table or the first block's head.
      const at = 9 + Math.floor(next() * (i % 3 === 0 ? 150 : sink.length - 9));
      changed[at]! ^= 1 << Math.floor(8 * next());
      const found = await outcome(wasm, changed);
      expect(found).toEqual(await outcome(twin, changed));
      if (found !== 'refused') read++;
    }
    expect(read).toBeGreaterThan(10);
    expect(read).toBeLessThan(290);
  });

  it('checksums are those of the twin, of any length', () => {
    for (const length of [
      0,
      1,
      15,
      16,
      17,
      1000,
      3344,
      3345,
      3359,
      3360,
      3361,
      6705,
      65536,
      65537,
      200_001,
      262_144 + 3344,
      600_007,
    ]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31) ^ (i >> 7));
      const section = { name: 'w', kind: 'f32', shape: [1], offset: 0, length, crc: crc32c(bytes) } as const;
      for (const { decoder } of [wasm, twin]) {
        expect(decoder.check(section, bytes)).toBe(bytes);
        expect(() => decoder.check({ ...section, crc: section.crc ^ 1 }, bytes)).toThrow('w: its checksum');
      }
    }
  });
});

describe('values that a kind does not have are refused', () => {
  const [wasm] = sides('simd', true);
  const [rows, columns] = [40, 300];
  const size = rows * columns;
  const scales = new Float32Array(rows).fill(1);
  /** Noise, which is stored as it is, and a few values, which are coded. */
  const next = uniform(3);
  const noise = Uint8Array.from({ length: size }, () => Math.floor(256 * next()));
  const few = noise.map((byte) => byte & 3);
  const shape = [rows, columns];
  const full = {
    shape,
    starts: Uint32Array.from({ length: rows + 1 }, (_, row) => columns * row),
    columns: Uint16Array.from({ length: size }, (_, at) => at % columns),
  };
  const int8 = (bytes: Uint8Array) => Int8Array.from(bytes, (byte) => Math.max(-127, (byte << 24) >> 24));

  const kinds: readonly (readonly [string, number, (bytes: Uint8Array) => PackTensor])[] = [
    ['-128 of int8', -128, (bytes) => ({ kind: 'int8', shape, scales, data: int8(bytes) })],
    ['-128 of sparse-int8', -128, (bytes) => ({ kind: 'sparse-int8', ...full, scales, data: int8(bytes) })],
    [
      'a half without a bit of int4',
      0xa0,
      (bytes) => ({
        ...{ kind: 'int4', shape: [rows, 2 * columns], scales, group: 2 * columns },
        data: bytes.map((byte) => byte | 0x11),
      }),
    ],
  ];

  it.each(kinds)('%s', async (_, wrong, make) => {
    for (const bytes of [noise, few])
      for (const at of [undefined, 0, 777, size - 1]) {
        const tensor = make(bytes);
        if (at !== undefined && 'data' in tensor) tensor.data[at] = wrong;
        const [section, content] = sectionOf(tensor);
        const decode = async (): Promise<unknown> =>
          tensor.kind.startsWith('sparse')
            ? wasm.decoder.linear(section, content, 'q15')
            : wasm.decoder.table(section, content);
        if (at === undefined) await decode();
        else await expect(decode()).rejects.toThrow('expected WebAssembly to decode this');
      }
  });
});
