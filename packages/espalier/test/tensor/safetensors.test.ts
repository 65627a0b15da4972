// Safetensors: round trips, files that PyTorch wrote, one crafted attack for each rule, and mutated files.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EspalierError, FormatError } from '../../src/errors.js';
import {
  parseSafetensors,
  readSafetensors,
  readSafetensorsHeader,
  writeSafetensors,
} from '../../src/tensor/safetensors.js';
import type { Dtype, HostTensor } from '../../src/tensor/tensor.js';
import { dataPath, describeWithData } from '../support/data.js';
import { temporaryFolder } from '../support/temporary.js';

const at = temporaryFolder();

/** A file of a header text (or bytes) and data; `length` lies about the header when given. */
function craft(header: string | Uint8Array, data: number | Uint8Array = 0, length?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const body = typeof data === 'number' ? new Uint8Array(data) : data;
  const file = new Uint8Array(8 + text.length + body.length);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  file.set(text, 8);
  file.set(body, 8 + text.length);
  return file;
}

const one = (dtype: string, shape: unknown, offsets: unknown, name = 'w'): string =>
  JSON.stringify({ [name]: { dtype, shape, data_offsets: offsets } });

const f32Tensor = (...values: number[]): HostTensor<'F32'> => ({
  dtype: 'F32',
  shape: [values.length],
  data: Float32Array.from(values),
});

const arrays: { [D in Dtype]: (bytes: Uint8Array<ArrayBuffer>) => HostTensor<D>['data'] } = {
  F64: (bytes) => new Float64Array(bytes.buffer),
  F32: (bytes) => new Float32Array(bytes.buffer),
  F16: (bytes) => new Uint16Array(bytes.buffer),
  BF16: (bytes) => new Uint16Array(bytes.buffer),
  I64: (bytes) => new BigInt64Array(bytes.buffer),
  I32: (bytes) => new Int32Array(bytes.buffer),
  I16: (bytes) => new Int16Array(bytes.buffer),
  I8: (bytes) => new Int8Array(bytes.buffer),
  U8: (bytes) => bytes,
  BOOL: (bytes) => bytes,
};
const widths: Record<Dtype, number> = {
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

const arbitraryTensor: fc.Arbitrary<HostTensor> = fc
  .record({
    dtype: fc.constantFrom(...(Object.keys(arrays) as Dtype[])),
    shape: fc.array(fc.nat(3), { maxLength: 4 }),
    seed: fc.nat(255),
  })
  .map(({ dtype, shape, seed }) => {
    const bytes = new Uint8Array(widths[dtype] * shape.reduce((product, extent) => product * extent, 1));
    return { dtype, shape, data: arrays[dtype](bytes.map((_, i) => (i * 37 + seed) % 251)) };
  });

const arbitraryName = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('__proto__', 'constructor', '0', '10', '9', ''),
  )
  .filter((name) => name !== '__metadata__');

const bytesOf = ({ data }: HostTensor): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

describe('round trip', () => {
  test('any tensors and metadata come back, in memory and by positional reads; order does not matter', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(arbitraryName, arbitraryTensor), {
          selector: ([name]) => name,
          maxLength: 6,
        }),
        fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
        async (pairs, metadata) => {
          await writeSafetensors(at('round'), new Map(pairs), metadata);
          await writeSafetensors(at('other'), new Map([...pairs].reverse()), metadata);
          const file = readFileSync(at('round'));
          expect(readFileSync(at('other')).equals(file)).toBe(true);
          expect(file.readBigUInt64LE() % 8n).toBe(0n);
          for (const found of [parseSafetensors(file, 'round'), await readSafetensors(at('round'))]) {
            expect(new Map(Object.entries(found.metadata))).toEqual(new Map(Object.entries(metadata)));
            expect(found.tensors.size).toBe(pairs.length);
            for (const [name, tensor] of pairs) {
              const back = found.tensors.get(name)!;
              expect([back.dtype, back.shape]).toEqual([tensor.dtype, tensor.shape]);
              expect(back.data.constructor).toBe(tensor.data.constructor);
              expect(bytesOf(back)).toEqual(bytesOf(tensor));
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  test('every tensor stands aligned to its element', async () => {
    const tensors = new Map<string, HostTensor>([
      ['a', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ['b', { dtype: 'F64', shape: [], data: Float64Array.of(1) }],
      ['c', { dtype: 'F16', shape: [1], data: Uint16Array.of(1) }],
      ['d', f32Tensor(1)],
    ]);
    await writeSafetensors(at('aligned'), tensors);
    const { entries, dataStart } = await readSafetensorsHeader(at('aligned'));
    expect(dataStart % 8).toBe(0);
    for (const { dtype, begin } of entries.values()) expect(begin % widths[dtype]).toBe(0);
  });

  test('data behind a header of odd length is aligned in memory', () => {
    const file = craft(`${one('F32', [1], [0, 4])} `, Uint8Array.of(0, 0, 128, 63));
    expect(parseSafetensors(file, 'odd').tensors.get('w')?.data).toEqual(Float32Array.of(1));
  });

  test('names of object properties are ordinary names', () => {
    const entry = (begin: number): string =>
      `{"dtype":"U8","shape":[1],"data_offsets":[${begin},${begin + 1}]}`;
    const header = `{"__proto__":${entry(0)},"constructor":${entry(1)},"__metadata__":{"__proto__":"p","toString":"t"}}`;
    const { tensors, metadata } = parseSafetensors(craft(header, 2), 'f');
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(Object.entries(metadata)).toEqual([
      ['__proto__', 'p'],
      ['toString', 't'],
    ]);
    expect(({} as Record<string, unknown>)['dtype']).toBeUndefined();
  });

  test.each([
    ['a shape that its data does not fill', 'w', { ...f32Tensor(1), shape: [2] }],
    ['the key of the metadata as name', '__metadata__', f32Tensor(1)],
    ['half a surrogate pair as name', '\ud800', f32Tensor(1)],
  ])('the writer refuses %s', async (_, name, tensor) => {
    await expect(writeSafetensors(at('refused'), new Map([[name, tensor]]))).rejects.toThrow(EspalierError);
  });
});

const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
const many = `{${Array.from({ length: 65_537 }, (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`).join(',')}}`;
const two = (first: [number, number], second: [number, number]): string =>
  JSON.stringify({
    a: { dtype: 'U8', shape: [first[1] - first[0]], data_offsets: first },
    b: { dtype: 'U8', shape: [second[1] - second[0]], data_offsets: second },
  });

const attacks: readonly (readonly [rule: string, file: Uint8Array, message: string])[] = [
  ['an empty file', new Uint8Array(0), 'found 0 bytes'],
  ['fewer than 8 bytes', new Uint8Array(7), 'found 7 bytes'],
  ['a header length over 100 MB', craft('{}', 0, 100_000_001n), 'at most 100000000 bytes'],
  ['a header length of 2^64 - 1', craft('{}', 0, 0xffffffffffffffffn), '18446744073709551615'],
  ['a header longer than the file', craft('{}', 0, 3n), 'expected a header of 3 bytes, found 2'],
  ['an empty header', craft(''), 'expected "{" first'],
  ['bytes that are not UTF-8', craft(Uint8Array.of(0x7b, 0xff, 0x7d)), 'expected UTF-8'],
  ['a byte order mark', craft('\ufeff{}'), 'expected "{" first'],
  ['a header that is not JSON', craft('{"w":}'), 'expected JSON'],
  ['a header that is not an object', craft('[]'), 'expected "{" first'],
  ['deeply nested JSON', craft(`{"w":${nested}}`), 'tensor "w"'],
  ['a tensor name twice', craft(`{"w":1,"w":2}`), 'found "w" twice'],
  ['a tensor name twice, once escaped', craft(`{"w":1,"\\u0077" : 2}`), 'found "w" twice'],
  ['a key of a tensor twice', craft('{"w":{"dtype":"U8","dtype":"I8"}}'), 'found "dtype" twice'],
  ['__proto__ twice', craft('{"__proto__":1,"__proto__":2}'), 'found "__proto__" twice'],
  ['metadata that is not an object', craft('{"__metadata__":[]}'), '__metadata__: expected an object'],
  ['metadata that is not text', craft('{"__metadata__":{"a":1}}'), '__metadata__ "a": expected a string'],
  ['half a surrogate pair as name', craft('{"\\ud800":{}}'), 'expected a name in Unicode'],
  ['a tensor that is null', craft('{"w":null}'), 'expected {dtype, shape, data_offsets}'],
  ['a tensor without a shape', craft('{"w":{"dtype":"U8","data_offsets":[0,0]}}'), 'shape'],
  ['a key nobody knows', craft('{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}'), 'x'],
  ['an unknown dtype', craft(one('F8_E4M3', [4], [0, 4]), 4), 'found "F8_E4M3"'],
  ['a dtype named like a property', craft(one('toString', [4], [0, 4]), 4), 'found "toString"'],
  ['a negative extent', craft(one('F32', [-1, -1], [0, 4]), 4), 'shape.0'],
  ['a fractional extent', craft(one('F32', [0.5, 2], [0, 4]), 4), 'shape.0'],
  [
    'an extent over 2^53',
    craft(`{"w":{"dtype":"U8","shape":[9007199254740992],"data_offsets":[0,0]}}`),
    'shape.0',
  ],
  [
    'a shape product that overflows',
    craft(one('F32', [2 ** 31, 2 ** 31, 2 ** 31], [0, 4]), 4),
    'more than 2^53',
  ],
  // 2^32 * 2^32 elements: 0 in 64-bit arithmetic that wraps.
  ['a shape product that wraps to zero', craft(one('U8', [2 ** 32, 2 ** 32], [0, 0])), 'more than 2^53'],
  ['a shape larger than its bytes', craft(one('F32', [2], [0, 4]), 4), 'expected 8 bytes for F32 [2]'],
  ['a shape smaller than its bytes', craft(one('F32', [1], [0, 8]), 8), 'expected 4 bytes for F32 [1]'],
  ['bytes that are no multiple of the element', craft(one('F32', [1], [0, 5]), 5), 'expected 4 bytes'],
  ['a negative offset', craft(one('U8', [4], [-4, 0])), 'data_offsets.0'],
  ['a fractional offset', craft(one('U8', [1], [0.5, 1.5]), 2), 'data_offsets.0'],
  [
    'an offset over 2^53',
    craft('{"w":{"dtype":"U8","shape":[0],"data_offsets":[1e300,1e300]}}'),
    'data_offsets.0',
  ],
  ['an end before the begin', craft(one('U8', [0], [4, 0]), 4), 'data_offsets 4 to 0'],
  ['three offsets', craft(one('U8', [4], [0, 4, 8]), 8), 'data_offsets'],
  ['data that does not start at 0', craft(one('U8', [4], [4, 8]), 8), 'from 0, found 4 (a gap)'],
  [
    'a gap between tensors',
    craft(two([0, 4], [5, 9]), 9),
    'tensor "b": expected data_offsets from 4, found 5 (a gap)',
  ],
  [
    'tensors that overlap',
    craft(two([0, 4], [3, 7]), 7),
    'tensor "b": expected data_offsets from 4, found 3 (an overlap)',
  ],
  ['two tensors over the same bytes', craft(two([0, 4], [0, 4]), 4), 'an overlap'],
  [
    'a file cut short',
    craft(one('U8', [4], [0, 4]), 3),
    'expected 4 bytes of tensor data, found 3; the file is truncated',
  ],
  ['trailing bytes', craft(one('U8', [4], [0, 4]), 5), 'found 5; bytes that belong to no tensor'],
  ['data without tensors', craft('{}', 1), 'expected 0 bytes of tensor data, found 1'],
  ['more than 65,536 tensors', craft(many), 'at most 65536 tensors, found 65537'],
];

describe('attacks', () => {
  test.each(attacks)('%s is refused', async (_, file, message) => {
    const path = at('attack.safetensors');
    writeFileSync(path, file);
    const parse = (): unknown => parseSafetensors(file, path);
    expect(parse).toThrow(FormatError);
    expect(parse).toThrow(message);
    expect(parse).toThrow(path);
    const inMemory = ((): string => {
      try {
        return String(parse());
      } catch (cause) {
        return (cause as Error).message;
      }
    })();
    expect(inMemory.length).toBeLessThan(600);
    await expect(readSafetensors(path)).rejects.toThrow(
      new FormatError(path, inMemory.slice(path.length + 2)),
    );
    await expect(readSafetensorsHeader(path)).rejects.toThrow(FormatError);
  });

  test('a file that is not there, and a folder', async () => {
    await expect(readSafetensors(at('none'))).rejects.toThrow(`${at('none')} does not exist`);
    await expect(readSafetensors(at())).rejects.toThrow('expected a file, found a folder');
  });
});

describe('mutated files', () => {
  const iterations = Number(process.env['ESPALIER_FUZZ'] ?? 20_000);

  /** A small deterministic generator (mulberry32), so that a failure can be repeated. */
  function generator(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
    };
  }

  const tokens = [
    '0',
    '9',
    '-',
    '1e9',
    '[',
    ']',
    '{',
    '}',
    '"',
    ',',
    ':',
    'null',
    '4294967296',
    '__proto__',
    '\\u0061',
    '\ud83d\ude00',
  ];

  function mutate(original: Uint8Array, below: (limit: number) => number): Uint8Array {
    let file = Uint8Array.from(original);
    for (let edits = 1 + below(3); edits > 0; edits--) {
      const place = below(file.length + 1);
      const kind = below(5);
      if (kind === 0) file = file.slice(0, place);
      else if (kind === 1) file = Uint8Array.of(...file, ...new Uint8Array(below(9)));
      else if (kind === 2) {
        const token = new TextEncoder().encode(tokens[below(tokens.length)]);
        file = Uint8Array.of(...file.slice(0, place), ...token, ...file.slice(place + below(3)));
        // Half of the time the length still fits, so that the JSON itself is reached.
        if (below(2) === 0 && file.length >= 8) file[0] = Math.min(255, file[0]! + token.length);
      } else if (file.length > 0) file[place % file.length]! ^= kind === 3 ? 1 << below(8) : below(256);
    }
    return file;
  }

  test(`${iterations} of them are read or refused with a FormatError, never anything else`, async () => {
    const tensors = new Map<string, HostTensor>([
      ['a.weight', { dtype: 'F32', shape: [2, 1], data: Float32Array.of(1, 2) }],
      ['b', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ]);
    await writeSafetensors(at('seed'), tensors, { format: 'pt' });
    const original = new Uint8Array(readFileSync(at('seed')));
    const below = generator(1);
    let refused = 0;
    for (let i = 0; i < iterations; i++) {
      const file = mutate(original, below);
      try {
        for (const { shape, data } of parseSafetensors(file, 'fuzz').tensors.values()) {
          expect(data.length).toBe(shape.reduce((product, extent) => product * extent, 1));
          expect(data.byteLength).toBeLessThanOrEqual(file.length);
        }
      } catch (cause) {
        if (!(cause instanceof FormatError)) throw cause;
        refused++;
      }
    }
    // Mutations of data alone are valid files: both outcomes must occur, or the fuzzer tests nothing.
    expect(refused).toBeGreaterThan(iterations / 2);
    expect(refused).toBeLessThan(iterations);
  });
});

const novels = 'weights/bert-mini-novels/model.safetensors';

describeWithData('a file that PyTorch wrote', [novels], () => {
  test('header, tensors and metadata are read; writing gives the same tensors', async () => {
    const header = await readSafetensorsHeader(dataPath(novels));
    const { tensors, metadata } = await readSafetensors(dataPath(novels));
    expect(metadata).toEqual({ format: 'pt' });
    expect([...header.entries.keys()]).toEqual([...tensors.keys()]);
    expect(tensors.get('bert.embeddings.word_embeddings.weight')?.shape).toEqual([30522, 256]);
    await writeSafetensors(at('novels'), tensors, metadata);
    expect(statSync(at('novels')).size).toBe(statSync(dataPath(novels)).size);
    expect(readFileSync(at('novels')).equals(readFileSync(dataPath(novels)))).toBe(true);
  });
});
