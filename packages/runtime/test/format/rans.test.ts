// The entropy coder against a twin in big integers that follows the definition without words or states of 31 bits.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteSink, byteSource } from '../../src/format/bytes.js';
import { crc32c } from '../../src/format/crc32c.js';
import {
  countBytes,
  normalise,
  readFrequencies,
  TOTAL,
  writeFrequencies,
} from '../../src/format/frequencies.js';
import { decodeRans, encodeRans } from '../../src/format/rans.js';
import { readStream, writeStream } from '../../src/format/stream.js';
import { uniform } from './weights.js';

const sum = (values: Uint16Array): number => values.reduce((total, value) => total + value, 0);

/** Skewed bytes: most of them few symbols. */
function skewed(count: number, seed: number): Uint8Array {
  const next = uniform(seed);
  return Uint8Array.from({ length: count }, () => Math.floor(256 * next() ** 4));
}

/** The format's stream decoded by its definition: one state after the other, each a big integer with its own words. */
function decodeNaively(bytes: Uint8Array, frequencies: Uint16Array, count: number): number[] {
  const starts: number[] = [];
  frequencies.reduce((start, frequency, symbol) => {
    starts[symbol] = start;
    return start + frequency;
  }, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const states = [0, 1, 2, 3].map((i) => BigInt(view.getUint32(4 * i, true)));
  let at = 16;
  return Array.from({ length: count }, (_, i) => {
    let state = states[i % 4]!;
    const slot = Number(state % 4096n);
    const symbol = starts.findIndex((start, s) => start <= slot && slot < start + frequencies[s]!);
    state = BigInt(frequencies[symbol]!) * (state / 4096n) + BigInt(slot - starts[symbol]!);
    if (state < 32768n) {
      state = state * 65536n + BigInt(view.getUint16(at, true));
      at += 2;
    }
    states[i % 4] = state;
    return symbol;
  });
}

describe('frequencies', () => {
  test('add up to the total, leave no symbol out, and survive being written', () => {
    const counts = fc.array(fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 2 ** 24 })), { minLength: 1 });
    fc.assert(
      fc.property(counts, (pairs) => {
        const table = new Uint32Array(256);
        for (const [symbol, count] of pairs) table[symbol] = count;
        const frequencies = normalise(table);
        expect(sum(frequencies)).toBe(TOTAL);
        expect(table.every((count, symbol) => count > 0 === frequencies[symbol]! > 0)).toBe(true);
        const sink = byteSink();
        writeFrequencies(sink, frequencies);
        const source = byteSource(sink.bytes(), 'table');
        expect(readFrequencies(source, 'table')).toEqual(frequencies);
        expect(source.left).toBe(0);
      }),
    );
  });

  test('that add up to something else are refused', () => {
    const source = byteSource(Uint8Array.of(3, 4, 100, 100), 'table');
    expect(() => readFrequencies(source, 'table')).toThrow(
      'table: expected frequencies that add up to 4096, found 200',
    );
  });
});

describe('rANS', () => {
  test.each([1, 2, 3, 4, 5, 1000, 20_001])('decodes %i symbols as its twin does', (count) => {
    const symbols = skewed(count, count);
    const frequencies = normalise(countBytes(symbols));
    const bytes = encodeRans(symbols, frequencies);
    expect(decodeRans(byteSource(bytes, 's'), frequencies, count, 's')).toEqual(symbols);
    expect(decodeNaively(bytes, frequencies, count)).toEqual([...symbols]);
  });

  test('any bytes come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const sink = byteSink();
        writeStream(sink, bytes);
        expect(sink.length).toBeLessThanOrEqual(bytes.length + 9);
        expect([...readStream(byteSource(sink.bytes(), 's'), bytes.length, 's')]).toEqual([...bytes]);
      }),
    );
  });

  test('one symbol costs no words; a word too many or too few is refused', () => {
    const symbols = new Uint8Array(5000).fill(7);
    expect(encodeRans(symbols, normalise(countBytes(symbols)))).toHaveLength(16);
    const mixed = skewed(500, 1);
    const frequencies = normalise(countBytes(mixed));
    const bytes = encodeRans(mixed, frequencies);
    const decode = (from: Uint8Array): unknown => decodeRans(byteSource(from, 's'), frequencies, 500, 's');
    expect(() => decode(Uint8Array.of(...bytes, 0, 0))).toThrow('do not end where');
    expect(() => decode(bytes.subarray(0, -2))).toThrow('do not end where');
  });

  test('comes within 1 % of the entropy of many symbols', () => {
    const symbols = skewed(200_000, 5);
    const counts = countBytes(symbols);
    const bits = counts.reduce(
      (total, count) => (count === 0 ? total : total - count * Math.log2(count / symbols.length)),
      0,
    );
    expect(encodeRans(symbols, normalise(counts)).length * 8).toBeLessThan(1.01 * bits);
  });
});

test('the checksum is that of RFC 3720, of all lengths', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(new Uint8Array(0))).toBe(0);
  // By bits, as defined.
  const bytes = skewed(61, 3);
  for (let length = 0; length <= bytes.length; length++) {
    let crc = 0xffffffff;
    for (const byte of bytes.subarray(0, length)) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    expect(crc32c(bytes.subarray(0, length))).toBe(~crc >>> 0);
  }
});
