// Sections put into a memory by WebAssembly against the reader and the arrays in TypeScript: of every kind in every form that
// has a way of its own, of any shape, and broken ones.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Decoder, twinDecoder, wasmDecoder } from '../../src/decode/decoder.js';
import { type Arena, createArena } from '../../src/encoder/arena.js';
import type { Linear } from '../../src/encoder/linear.js';
import type { PlacedTable } from '../../src/encoder/tables.js';
import type { LinearWeights } from '../../src/encoder/weights.js';
import { crc32c } from '../../src/format/crc32c.js';
import { encodeTensor } from '../../src/format/encode-tensor.js';
import type { TensorSection } from '../../src/format/header.js';
import { extentOf, type PackTensor, toF16, toF32, toInt4, toInt8 } from '../../src/format/index.js';
import { toSparse1x4, toSparseCodebook, toSparseF16, toSparseInt8 } from '../../src/format/sparsify.js';
import type { Level } from '../../src/kernels/kernel.js';
import type { Levels } from '../../src/kernels/program.js';
import { gaussian, uniform } from '../format/weights.js';

const levelsAt = (level: Level): Levels => ({ f32: level, q15: level, int8: level, block: level });

interface Side {
  readonly arena: Arena;
  readonly decoder: Decoder;
}

/** A twin that is never asked. */
const nobody: Decoder = {
  check: fail,
  linear: fail,
  table: fail,
  vector: fail,
};

function fail(): never {
  throw new Error('expected WebAssembly to decode this');
}

function sides(level: Level): readonly [Side, Side] {
  const [arena, other] = [createArena(), createArena()];
  return [
    { arena, decoder: wasmDecoder(arena, levelsAt(level), nobody) },
    { arena: other, decoder: twinDecoder(other, levelsAt(level)) },
  ];
}

export function sectionOf(tensor: PackTensor): readonly [TensorSection, Uint8Array] {
  const { bytes } = encodeTensor(tensor);
  const padded = new Uint8Array(16 * Math.ceil(bytes.length / 16));
  padded.set(bytes);
  const { kind, shape } = tensor;
  const group = tensor.kind === 'int4' ? tensor.group : undefined;
  const at = { offset: 0, length: padded.length, crc: crc32c(padded) };
  return [{ name: 'w', kind, shape, group, ...at }, padded];
}

const bytesAt = ({ arena }: Side, at: number, length: number): number[] => [
  ...arena.views().u8.subarray(at, at + length),
];

/** Bytes of every place of a layer; `total` entries, padded ones among them, or blocks. */
function layerBytes(side: Side, { form, rows, columns, at }: Linear, wide: boolean): Record<string, number[]> {
  const get = (place: number, length: number): number[] => bytesAt(side, place, length);
  if (form === 'dense') return { values: get(at.values, 8 * Math.ceil(rows / 2) * columns) };
  const counts = side.arena.views().u16.subarray(at.counts / 2, at.counts / 2 + rows);
  const total = counts.reduce((sum, count) => sum + count, 0) * (form === 'int8' ? 1 : 2);
  const common = { counts: get(at.counts, 2 * rows) };
  if (form === 'q15') return { ...common, entries: get(at.entries, 4 * total), scales: get(at.scales, 4 * rows) };
  const places = { ...common, columns: get(at.columns, 2 * total) };
  if (form === 'f32') return { ...places, values: get(at.values, 4 * total) };
  return {
    ...places,
    values: get(at.values, (wide ? 8 : 4) * total),
    offsets: get(at.offsets, 4 * rows),
    scales: get(at.scales, 4 * rows),
  };
}

function tableBytes(side: Side, { form, rows, group, at }: PlacedTable, columns: number): unknown {
  const bytes = { f32: 4 * columns, int8: columns, int4: (columns + 1) >>> 1 }[form];
  const scales = { f32: 0, int8: 1, int4: Math.ceil(columns / group) }[form];
  return {
    ...{ form, rows, group },
    table: bytesAt(side, at.table, rows * bytes),
    scales: bytesAt(side, at.scales, 4 * rows * scales),
  };
}

type Make = (shape: number[], values: Float32Array) => PackTensor;

const LAYERS: readonly (readonly [string, LinearWeights['form'], Make])[] = [
  ['sparse-int8', 'q15', toSparseInt8],
  ['sparse-int8', 'f32', toSparseInt8],
  ['sparse-codebook', 'q15', toSparseCodebook],
  ['sparse-codebook', 'f32', toSparseCodebook],
  ['sparse-f16', 'f32', toSparseF16],
  ['sparse-f16', 'q15', toSparseF16],
  ['sparse-1x4', 'int8', toSparse1x4],
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

describe.each(['relaxed', 'simd'] as const)('%s', (level) => {
  const wide = level === 'simd';
  const [wasm, twin] = sides(level);

  it.each(LAYERS)('%s as %s', (_, as, make) => {
    fc.assert(
      fc.property(matrices, ({ shape, values }) => {
        const [section, bytes] = sectionOf(make(shape, values));
        const [found, expected] = [wasm, twin].map((side) => {
          const mark = side.arena.mark();
          const linear = side.decoder.linear(section, side.decoder.check(section, bytes), as);
          side.arena.release(mark);
          return layerBytes(side, linear, wide);
        });
        expect(found).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});

describe('tables', () => {
  const [wasm, twin] = sides('simd');
  it.each(TABLES)('%s', (_, make) => {
    fc.assert(
      fc.property(matrices, ({ shape, values }) => {
        const [section, bytes] = sectionOf(make(shape, values));
        const [found, expected] = [wasm, twin].map((side) => {
          const mark = side.arena.mark();
          const table = side.decoder.table(section, side.decoder.check(section, bytes));
          side.arena.release(mark);
          return tableBytes(side, table, extentOf(section.shape).columns);
        });
        expect(found).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});
