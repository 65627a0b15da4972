// Code lengths against Huffman's own algorithm and against all complete codes, coded bytes against a twin that reads bit by bit.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteSink, byteSource } from '../../src/format/bytes.js';
import { MOST_BITS, readLengths, writeLengths } from '../../src/format/code-lengths.js';
import { BLOCK, decodeHuffman, encodeHuffman } from '../../src/format/huffman.js';
import { bestLengths, countBytes } from '../../src/format/package-merge.js';
import { readStream, writeStream } from '../../src/format/stream.js';
import { entropy, skewed } from './weights.js';

const bitsOf = (lengths: ArrayLike<number>, counts: Uint32Array): number =>
  counts.reduce((sum, count, symbol) => (count === 0 ? sum : sum + count * (lengths[symbol]! - 1)), 0);

/** Bits of all symbols under the code of Huffman 1952, of any length, and how long its longest code is. */
function huffman(counts: Uint32Array): { readonly bits: number; readonly longest: number } {
  const nodes = [...counts].filter((count) => count > 0).map((count) => ({ count, depth: 0 }));
  let bits = 0;
  while (nodes.length > 1) {
    nodes.sort((a, b) => b.count - a.count || b.depth - a.depth);
    const [a, b] = [nodes.pop()!, nodes.pop()!];
    bits += a.count + b.count;
    nodes.push({ count: a.count + b.count, depth: 1 + Math.max(a.depth, b.depth) });
  }
  return { bits, longest: nodes[0]!.depth };
}

const histograms = fc
  .array(fc.tuple(fc.nat(255), fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2 ** 24 }))), {
    minLength: 1,
    maxLength: 256,
  })
  .map((pairs) => {
    const counts = new Uint32Array(256);
    for (const [symbol, count] of pairs) counts[symbol] = count;
    return counts;
  });

const written = (lengths: Uint8Array): Uint8Array => {
  const sink = byteSink();
  writeLengths(sink, lengths);
  return sink.bytes();
};

describe('code lengths', () => {
  test('are of a complete code, leave no symbol out, and survive being written', () => {
    fc.assert(
      fc.property(histograms, (counts) => {
        const lengths = bestLengths(counts);
        expect(counts.every((count, symbol) => count > 0 === lengths[symbol]! > 0)).toBe(true);
        const source = byteSource(written(lengths), 'table');
        expect(readLengths(source, 'table')).toEqual(lengths);
        expect(source.left).toBe(0);
      }),
    );
  });

  test('cost what those of Huffman cost where these are short enough', () => {
    let short = 0;
    fc.assert(
      fc.property(histograms, (counts) => {
        const { bits, longest } = huffman(counts);
        const found = bitsOf(bestLengths(counts), counts);
        expect(found).toBeGreaterThanOrEqual(bits);
        if (longest > MOST_BITS) return;
        expect(found).toBe(bits);
        short++;
      }),
      { numRuns: 300 },
    );
    expect(short).toBeGreaterThan(30);
  });

  test('are the best of twelve bits where Huffman has longer ones', () => {
    // Fibonacci's numbers: each code is a bit longer than the one before it. Lengths ascend as counts fall, so all complete
    // codes can be tried.
    const counts = new Uint32Array(256);
    for (let i = 0, [a, b] = [1, 1]; i < 16; i++) [counts[i], a, b] = [a, b, a + b];
    expect(huffman(counts).longest).toBe(15);
    let least = Infinity;
    const visit = (symbol: number, bits: number, left: number, cost: number): void => {
      if (symbol < 0) {
        if (left === 0) least = Math.min(least, cost);
        return;
      }
      for (let length = bits; length <= MOST_BITS; length++) {
        const share = 2 ** (MOST_BITS - length);
        if (share <= left && left <= share * (symbol + 1))
          visit(symbol - 1, length, left - share, cost + length * counts[symbol]!);
      }
    };
    visit(15, 1, 2 ** MOST_BITS, 0);
    const lengths = bestLengths(counts);
    expect(Math.max(...lengths)).toBe(MOST_BITS + 1);
    expect(bitsOf(lengths, counts)).toBe(least);
  });

  test.each([
    ['too few', [1, 0x33]],
    ['too many', [2, 0x22, 0x02]],
    ['none', [0]],
    ['one of thirteen bits, twice', [7, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xee]],
    ['a symbol after the last', [17, ...new Array<number>(16).fill(0xf0), 0x22]],
  ])('of %s are refused', (_, bytes) => {
    expect(() => readLengths(byteSource(Uint8Array.from(bytes), 'table'), 'table')).toThrow(
      'table: expected lengths of a complete code of at most 12 bits',
    );
  });
});

/** The format's lanes decoded by their definition: canonical codes as strings, one bit after the other. */
function decodeNaively(bytes: Uint8Array, lengths: Uint8Array, count: number): number[] {
  const codes = new Map<string, number>();
  let [next, before] = [0, 0];
  for (const [symbol, length] of [...lengths.entries()]
    .filter(([, l]) => l > 0)
    .sort((a, b) => a[1] - b[1])) {
    next *= 2 ** (length - 1 - before);
    before = length - 1;
    codes.set(before === 0 ? '' : next.toString(2).padStart(before, '0'), symbol);
    next++;
  }
  const symbols: number[] = [];
  let start = 0;
  for (let from = 0; from < count; from += BLOCK) {
    const ends = Array.from({ length: 8 }, (_, i) => bytes[start + 2 * i]! + 256 * bytes[start + 2 * i + 1]!);
    const lanes = bytes.subarray(start + 16, start + 16 + ends[7]!);
    const filled = 32 * Math.ceil(Math.min(BLOCK, count - from) / 32);
    for (let lane = 0; lane < 8; lane++) {
      let bit = 8 * (ends[lane - 1] ?? 0);
      for (let i = from + lane; i < from + filled; i += 8) {
        let code = '';
        while (!codes.has(code)) {
          code += String((lanes[bit >> 3]! >> (bit & 7)) & 1);
          bit++;
        }
        symbols[i] = codes.get(code)!;
      }
      expect(Math.ceil(bit / 8)).toBe(ends[lane]);
    }
    start += 16 + ends[7]!;
  }
  expect(start).toBe(bytes.length);
  return symbols.slice(0, count);
}

describe('coded bytes', () => {
  test.each([1, 2, 31, 32, 33, 1000, BLOCK - 1, BLOCK, 2 * BLOCK + 1])(
    'of %i symbols are decoded as the twin does',
    (count) => {
      const symbols = skewed(count, count);
      const lengths = bestLengths(countBytes(symbols));
      const bytes = encodeHuffman(symbols, lengths);
      expect(decodeHuffman(byteSource(bytes, 's'), lengths, count, 's')).toEqual(symbols);
      expect(decodeNaively(bytes, lengths, count)).toEqual([...symbols]);
    },
  );

  test('come back, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        const sink = byteSink();
        writeStream(sink, bytes);
        expect(sink.length).toBeLessThanOrEqual(bytes.length + 9);
        expect([...readStream(byteSource(sink.bytes(), 's'), bytes.length, 's')]).toEqual([...bytes]);
      }),
    );
  });

  test('of one symbol take no bits', () => {
    const symbols = new Uint8Array(5000).fill(7);
    const lengths = bestLengths(countBytes(symbols));
    expect(written(lengths)).toEqual(Uint8Array.of(2, 0x60, 0x01));
    const bytes = encodeHuffman(symbols, lengths);
    expect(bytes).toEqual(new Uint8Array(16));
    expect(decodeHuffman(byteSource(bytes, 's'), lengths, 5000, 's')).toEqual(symbols);
  });

  test('that do not end with their symbols are refused, in every lane', () => {
    const symbols = skewed(500, 1);
    const lengths = bestLengths(countBytes(symbols));
    const bytes = encodeHuffman(symbols, lengths);
    const decode = (from: Uint8Array, count = 500): unknown =>
      decodeHuffman(byteSource(from, 's'), lengths, count, 's');
    expect(() => decode(Uint8Array.of(...bytes, 0))).toThrow('do not end where');
    expect(() => decode(bytes, 600)).toThrow('do not end where');
    expect(() => decode(bytes, 400)).toThrow('do not end where');
    expect(() => decode(bytes.subarray(0, -1))).toThrow('more bytes');
    for (let lane = 0; lane < 8; lane++)
      for (const by of [-1, 1]) {
        const changed = bytes.slice();
        changed[2 * lane]! += by;
        expect(() => decode(changed)).toThrow();
        const end = bytes[2 * lane]! | (bytes[2 * lane + 1]! << 8);
        const flipped = bytes.slice();
        flipped[16 + end - 1]! ^= 0x80; // left over, or of the last code
        if (flipped[16 + end - 1]! > 0x80) expect(() => decode(flipped)).toThrow('do not end where');
      }
  });

  test('come within 1 % of the entropy of many symbols', () => {
    const symbols = skewed(200_000, 5);
    const bits = symbols.length * entropy(symbols);
    expect(encodeHuffman(symbols, bestLengths(countBytes(symbols))).length * 8).toBeLessThan(1.01 * bits);
  });
});

test('other modes than 0 and 2 are refused, that of rANS in older files too', () => {
  for (const mode of [1, 3, 255]) {
    const bytes = Uint8Array.of(4, 0, 0, 0, 4, 0, 0, 0, mode, 1, 2, 3, 4);
    expect(() => readStream(byteSource(bytes, 's'), 4, 's')).toThrow(
      `s: expected mode 0 with 4 bytes or mode 2, found mode ${mode} with 4; pack the model again`,
    );
  }
});
