// Masks as packed bits: entry i, in row-major order, is bit i % 8 of byte i >> 3; 1 keeps. Unused bits are 0.

export const packedLength = (count: number): number => Math.ceil(count / 8);

/** One bit for every entry: 1 where it is not zero. */
export function packNonzero(values: ArrayLike<number>): Uint8Array {
  const bits = new Uint8Array(packedLength(values.length));
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) bits[i >> 3]! |= 1 << (i & 7);
  return bits;
}

export const bitAt = (bits: Uint8Array, i: number): number => (bits[i >> 3]! >> (i & 7)) & 1;

/** Number of bits that are 1. */
export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < bits.length; i++) for (let byte = bits[i]!; byte !== 0; byte &= byte - 1) count++;
  return count;
}

/** True when every bit past the first `count` is 0. */
export function isWholeMask(bits: Uint8Array, count: number): boolean {
  if (bits.length !== packedLength(count)) return false;
  return count % 8 === 0 || bits[bits.length - 1]! >> (count % 8) === 0;
}
