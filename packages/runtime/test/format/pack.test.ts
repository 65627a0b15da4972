// The packed file: everything comes back, by ranges too; and a file broken anywhere is refused before it is used.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeTensor } from '../../src/format/decode-tensor.js';
import { encodeTensor } from '../../src/format/encode-tensor.js';
import {
  denseOf,
  openPack,
  openRangedPack,
  PackError,
  type PackTensor,
  toF16,
  toInt4,
  toInt8,
  writePack,
} from '../../src/format/index.js';
import { toSparse1x4, toSparseCodebook, toSparseF16, toSparseInt8 } from '../../src/format/sparsify.js';
import { mutate } from './mutate.js';
import { readAll, repairChecksums, tinyPack, tinyTensors } from './tiny-pack.js';
import { gaussian, pruned, uniform } from './weights.js';

const through = (tensor: PackTensor): PackTensor => {
  const { kind, shape } = tensor;
  const group = tensor.kind === 'int4' ? tensor.group : undefined;
  return decodeTensor({ name: 'w', kind, shape, group }, encodeTensor(tensor).bytes);
};

const errorOf = (run: () => unknown): PackError => {
  try {
    run();
  } catch (error) {
    if (error instanceof PackError) return error;
    throw error;
  }
  throw new Error('expected a PackError');
};

/** Random matrices with rows that are empty and rows that are full among them. */
const matrices = fc
  .record({
    rows: fc.integer({ min: 0, max: 9 }),
    columns: fc.oneof(fc.integer({ min: 0, max: 41 }), fc.integer({ min: 250, max: 1100 })),
    density: fc.constantFrom(0, 0.001, 0.02, 0.3, 0.9, 1),
    seed: fc.nat(),
  })
  .map(({ rows, columns, density, seed }) => {
    const next = uniform(seed);
    const densities = Array.from({ length: rows }, () => (next() < 0.2 ? Math.round(next()) : density));
    const values = gaussian(rows * columns, seed).map((value, at) =>
      next() < densities[Math.floor(at / columns)]! ? value : 0,
    );
    return { shape: [rows, columns], values };
  });

describe('tensors', () => {
  const makers: [string, (shape: number[], values: Float32Array) => PackTensor][] = [
    ['f16', toF16],
    ['int8', toInt8],
    ['int4', (shape, values) => toInt4(shape, values, 32)],
    ['sparse-int8', toSparseInt8],
    ['sparse-codebook', toSparseCodebook],
    ['sparse-f16', toSparseF16],
    ['sparse-1x4', toSparse1x4],
  ];
  test.each(makers)('%s comes back as it was, of any shape and density', (_, make) => {
    fc.assert(
      fc.property(matrices, ({ shape, values }) => {
        const tensor = make(shape, values);
        expect(through(tensor)).toEqual(tensor);
      }),
      { numRuns: 60 },
    );
  });

  test('int8 kinds are within half a step of the weights, and agree with each other', () => {
    fc.assert(
      fc.property(matrices, ({ shape, values }) => {
        const dense = toInt8(shape, values);
        const expected = denseOf(dense);
        values.forEach((value, at) => {
          const step = dense.scales[Math.floor(at / shape[1]!)]!;
          if (Math.abs(value - expected[at]!) > 0.50001 * step) throw new Error(`value ${at}`);
        });
        expect(denseOf(through(toSparseInt8(shape, values)))).toEqual(expected);
        expect(denseOf(through(toSparse1x4(shape, values)))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('a codebook of sixteen values is exact where there are no more', () => {
    const values = Float32Array.from({ length: 300 }, (_, at) => (at % 3 === 0 ? ((at % 16) - 8.5) / 7 : 0));
    expect(denseOf(through(toSparseCodebook([10, 30], values)))).toEqual(values);
  });

  test('four-bit values are within half a step of their group', () => {
    const values = gaussian(4 * 37, 9);
    const tensor = toInt4([4, 37], values, 16);
    denseOf(through(tensor)).forEach((value, at) => {
      const [row, column] = [Math.floor(at / 37), at % 37];
      const step = tensor.scales[row * 3 + Math.floor(column / 16)]!;
      expect(Math.abs(value - values[at]!)).toBeLessThanOrEqual(0.50001 * step);
    });
  });

  test('what is no number is not packed', () => {
    expect(errorOf(() => toInt8([1, 2], Float32Array.of(1, Number.NaN))).message).toBe(
      'value 1: expected a finite number, found NaN',
    );
    expect(errorOf(() => toF16([1], Float32Array.of(1e6))).code).toBe('value');
  });
});

describe('files', () => {
  test('come back whole and by ranges', async () => {
    const bytes = tinyPack();
    const pack = openPack(bytes);
    const odd = new Uint8Array(bytes.length + 1).subarray(1); // floats out of line
    odd.set(bytes);
    const shifted = openPack(odd);
    const ranged = await openRangedPack((from, length) =>
      Promise.resolve(Buffer.from(bytes).subarray(from, from + length)),
    );
    for (const [name, tensor] of tinyTensors()) {
      expect(pack.tensor(name)).toEqual(tensor);
      expect(shifted.tensor(name)).toEqual(tensor);
      expect(await ranged.tensor(name)).toEqual(tensor);
    }
    expect(pack.header.config).toEqual({ model_type: 'bert', hidden_size: 8 });
    expect(pack.header.task?.labels).toEqual(['no', 'yes']);
    expect(new TextDecoder().decode(await ranged.file('vocab.txt'))).toBe('[PAD]\n[UNK]\nthe\n'.repeat(8));
    expect(errorOf(() => pack.tensor('nothing')).code).toBe('missing');
  });

  test('kinds and keys of a later minor version are left alone, a later major version is refused', () => {
    const bytes = tinyPack();
    const text = new TextDecoder('latin1').decode(bytes);
    bytes.set(new TextEncoder().encode('later-1x4'.padEnd(10)), text.indexOf('"sparse-1x4"') + 1);
    bytes[10] = 9;
    repairChecksums(bytes);
    const { header } = openPack(bytes);
    expect(header.version).toEqual([1, 9]);
    expect(header.skipped).toEqual(['output']);
    readAll(bytes);
    bytes[8] = 2;
    repairChecksums(bytes);
    expect(errorOf(() => openPack(bytes)).message).toBe(
      'expected format version 1, found 2.9; update @espalier/runtime or pack again',
    );
  });

  test('every flipped bit of every byte is seen', () => {
    const bytes = tinyPack();
    for (let at = 0; at < bytes.length; at++) {
      const before = bytes[at]!;
      bytes[at] = before ^ (1 << (at % 8));
      errorOf(() => readAll(bytes));
      bytes[at] = before;
    }
    readAll(bytes);
  });

  test('every truncation is seen, and bytes after the end', () => {
    const bytes = tinyPack();
    for (let length = 0; length < bytes.length; length++) {
      expect(errorOf(() => openPack(bytes.subarray(0, length))).code).toBe('truncated');
    }
    expect(errorOf(() => openPack(Uint8Array.of(...bytes, 0))).code).toBe('truncated');
    expect(errorOf(() => openPack(new TextEncoder().encode('{"not": "a pack"}'))).code).toBe('magic');
  });

  // scripts/fuzz_pack.mjs asks for more.
  const count = Number(process.env['ESPALIER_FUZZ_COUNT'] ?? 100_000);
  const first = Number(process.env['ESPALIER_FUZZ_FROM'] ?? 0);
  test(`of ${count} broken ones each is read or refused with a PackError, never anything else`, () => {
    const bytes = tinyPack();
    const refused = new Set<string>();
    let read = 0;
    for (let seed = first; seed < first + count; seed++) {
      try {
        readAll(mutate(bytes, seed));
        read++;
      } catch (error) {
        if (!(error instanceof PackError)) throw new Error(`file ${seed}`, { cause: error });
        refused.add(error.code);
      }
    }
    expect(read).toBeGreaterThan(count / 1000);
    expect([...refused].sort()).toEqual(
      [
        'checksum',
        'column',
        'count',
        'header',
        'magic',
        'scale',
        'stream',
        'truncated',
        'value',
        'version',
      ].sort(),
    );
  });
});

describe('tensors that contradict themselves', () => {
  const sparse = toSparseInt8([3, 20], pruned(gaussian(60, 4), 0.5));
  if (sparse.kind !== 'sparse-int8') throw new Error('expected sparse-int8');
  const code = (tensor: PackTensor): string => errorOf(() => through(tensor)).code;

  test('columns beyond the matrix, unsorted and repeated ones', () => {
    const columns = sparse.columns.slice();
    columns[sparse.starts[1]! - 1] = 20;
    expect(code({ ...sparse, columns })).toBe('column');
    // Gaps are written modulo 256: a column that does not ascend becomes one far to the right.
    const repeated = sparse.columns.slice();
    repeated[1] = repeated[0]!;
    expect(code({ ...sparse, columns: repeated })).toBe('column');
  });

  test('counts', () => {
    expect(code({ ...sparse, data: sparse.data.subarray(1) })).toBe('count');
    expect(code({ ...sparse, columns: sparse.columns, starts: Uint32Array.of(0, 21, 22, 23) })).toBe('count');
  });

  test.each([0, -1, Number.NaN, Infinity])('a scale of %d', (scale) => {
    expect(code({ ...sparse, scales: Float32Array.of(1, scale, 1) })).toBe('scale');
  });

  test('values that the kind does not have', () => {
    expect(code({ ...sparse, data: sparse.data.map(() => -128) })).toBe('value');
    expect(code({ kind: 'f32', shape: [1], data: Float32Array.of(Number.NaN) })).toBe('value');
    expect(code({ kind: 'f16', shape: [1], data: Uint16Array.of(0x7c00) })).toBe('value');
    const nibbles = Uint8Array.of(0x80);
    expect(code({ kind: 'int4', shape: [1, 2], group: 2, scales: Float32Array.of(1), data: nibbles })).toBe(
      'value',
    );
  });

  test('a last block that reaches beyond the matrix', () => {
    const block = toSparse1x4([1, 6], Float32Array.of(0, 0, 0, 0, 1, 2));
    if (block.kind !== 'sparse-1x4') throw new Error('expected sparse-1x4');
    expect(through(block)).toEqual(block);
    expect(code({ ...block, data: Int8Array.of(1, 1, 1, 0) })).toBe('column');
  });

  test('a header that does not tile the file', () => {
    expect(errorOf(() => readChanged('"offset":32', '"offset":48')).code).toBe('header');
    expect(errorOf(() => readChanged('"shape":[5]', '"shape":[9]')).code).toBe('stream');
    expect(errorOf(() => readChanged('"name":"norm"', '"name":"bias"')).code).toBe('header');
  });
});

/** Reads the tiny file after a change of its header. */
function readChanged(before: string, after: string): void {
  const bytes = tinyPack();
  const text = new TextDecoder('latin1').decode(bytes);
  expect(text).toContain(before);
  bytes.set(new TextEncoder().encode(after), text.indexOf(before));
  repairChecksums(bytes);
  readAll(bytes);
}

test('a file without tensors and tokenizer is one', () => {
  const { bytes } = writePack({ config: {}, tensors: new Map(), files: new Map() });
  expect(openPack(bytes).header.tensors.size).toBe(0);
});
