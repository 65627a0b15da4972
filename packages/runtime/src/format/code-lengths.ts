// How many bits the code of each byte has: all that need be told of a canonical code. It is complete: every sequence of bits
// is one of codes.
import { type ByteSink, type ByteSource, nibbleOf, packNibbles } from './bytes.js';
import { PackError } from './pack-error.js';

/** A code has at most so many bits; one without bits is the only one. */
export const MOST_BITS = 12;

/** Of each of the 256 bytes one more than the bits of its code, 0 where it has none. */
export type CodeLengths = Uint8Array;

/**
 * How many bytes follow, then in their halves, the lower one first, the lengths from byte 0 on. After a 0 stands how many further
 * bytes have none, at most 15; those that are not reached have none either.
 */
export function writeLengths(sink: ByteSink, lengths: CodeLengths): void {
  const last = lengths.findLastIndex((length) => length > 0);
  const numbers: number[] = [];
  for (let symbol = 0; symbol <= last; symbol++) {
    numbers.push(lengths[symbol]!);
    if (lengths[symbol]! > 0) continue;
    let run = 0;
    while (run < 15 && lengths[symbol + 1] === 0) [run, symbol] = [run + 1, symbol + 1];
    numbers.push(run);
  }
  const bytes = packNibbles(numbers);
  sink.u8(bytes.length);
  sink.append(bytes);
}

/** Throws PackError 'stream' naming `where` for what is no complete code. */
export function readLengths(source: ByteSource, where: string): CodeLengths {
  const lengths = new Uint8Array(256);
  const bytes = source.take(source.u8());
  let symbol = 0;
  /** How many sequences of MOST_BITS bits begin with a code: all of them must, and with one only. */
  let sum = 0;
  for (let i = 0; i < 2 * bytes.length; i++) {
    const length = nibbleOf(bytes, i);
    if (length === 0)
      symbol += nibbleOf(bytes, ++i); // after the last one 0
    else sum += symbol < 256 && length <= MOST_BITS + 1 ? (2 << MOST_BITS) >> length : Infinity;
    lengths[symbol++] = length;
  }
  if (sum === 2 ** MOST_BITS) return lengths;
  throw new PackError('stream', `${where}: expected lengths of a complete code of at most ${MOST_BITS} bits`);
}
