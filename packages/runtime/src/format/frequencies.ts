// Frequencies of the 256 bytes in units of 1/4096: made from counts, and told in a few hundred bytes.
import type { ByteSink, ByteSource } from './bytes.js';
import { PackError } from './pack-error.js';

export const PRECISION = 12;
/** What the frequencies of a table add up to. */
export const TOTAL = 1 << PRECISION;

export function countBytes(bytes: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]!++;
  return counts;
}

/** Bits that one more unit for this symbol saves, or one less costs. */
const gain = (count: number, from: number, to: number): number => count * Math.log2(to / from);

/** Frequencies that add up to TOTAL, at least 1 wherever the count is not zero. Counts must not all be zero. */
export function normalise(counts: Uint32Array): Uint16Array {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const frequencies = Uint16Array.from(counts, (count) =>
    count === 0 ? 0 : Math.max(1, Math.round((count / total) * TOTAL)),
  );
  let excess = frequencies.reduce((sum, frequency) => sum + frequency, 0) - TOTAL;
  while (excess !== 0) {
    const step = excess > 0 ? -1 : 1;
    let best = -1;
    let most = -Infinity;
    for (let symbol = 0; symbol < 256; symbol++) {
      const frequency = frequencies[symbol]!;
      if (frequency === 0 || frequency + step < 1) continue;
      const saved = gain(counts[symbol]!, frequency, frequency + step);
      if (saved > most) [best, most] = [symbol, saved];
    }
    frequencies[best]! += step;
    excess += step;
  }
  return frequencies;
}

/**
 * First and last symbol, then each frequency between them: below 128 a byte, otherwise its low seven bits with the
 * highest set and the rest in a second byte. After a 0 stands how many further symbols have none.
 */
export function writeFrequencies(sink: ByteSink, frequencies: Uint16Array): void {
  const first = frequencies.findIndex((frequency) => frequency > 0);
  const last = frequencies.findLastIndex((frequency) => frequency > 0);
  sink.u8(first);
  sink.u8(last);
  for (let symbol = first; symbol <= last; symbol++) {
    const frequency = frequencies[symbol]!;
    if (frequency >= 128) {
      sink.u8((frequency & 127) | 128);
      sink.u8(frequency >>> 7);
      continue;
    }
    sink.u8(frequency);
    if (frequency > 0) continue;
    let run = 0;
    while (frequencies[symbol + 1] === 0) {
      run++;
      symbol++;
    }
    sink.u8(run);
  }
}

export function readFrequencies(source: ByteSource, where: string): Uint16Array {
  const frequencies = new Uint16Array(256);
  const first = source.u8();
  const last = source.u8();
  let sum = 0;
  for (let symbol = first; symbol <= last; symbol++) {
    const low = source.u8();
    if (low === 0) {
      symbol += source.u8();
      continue;
    }
    const frequency = low < 128 ? low : (low & 127) | (source.u8() << 7);
    frequencies[symbol] = frequency;
    sum += frequency;
  }
  if (sum === TOTAL) return frequencies;
  throw new PackError('stream', `${where}: expected frequencies that add up to ${TOTAL}, found ${sum}`);
}
