// The bytes of a WebAssembly module (core specification 2.0, binary format) as a tree, and how they are written.

/**
 * Bytes, in order, as a tree: an expression holds its operands', and nothing is copied before a module is assembled. Where code
 * stands by name its size comes before it.
 */
export type Code = readonly Part[];
export type Part = number | Code | { readonly code: Code };

/** Unsigned LEB128 of 0 <= n < 2^32. */
export const unsigned = (n: number): Part => (n < 0x80 ? n : [(n & 0x7f) | 0x80, unsigned(n >>> 7)]);

/** Signed LEB128 of a 32-bit integer. */
export const signed = (n: number): Part =>
  n >= -0x40 && n < 0x40 ? n & 0x7f : [(n & 0x7f) | 0x80, signed(n >> 7)];

export const utf8 = (text: string): Code => vector([...new TextEncoder().encode(text)]);

/** The bytes of `code` after their number. */
export const sized = (code: Code): Code => [{ code }];

export const vector = (items: Code): Code => [unsigned(items.length), items];

export const section = (id: number, content: Code): Code => [id, sized(content)];

/** Bytes of a number that is written when it is known: LEB128 may be longer than it need be. */
const SIZE_BYTES = 5;

/** Added to the opcodes of vector instructions: a number of code is a byte or one of them. */
export const SIMD = 0xfd000;

/** Writes the bytes of a tree from `at` on, as far as there is room; returns where they end. */
function flatten(code: Code, bytes: Uint8Array, at: number): number {
  // By index: twice as fast as an iterator in code that runs once, before it is compiled.
  for (let k = 0; k < code.length; k++) {
    const part = code[k]!;
    if (typeof part === 'number') {
      if (part >= SIMD) {
        bytes[at++] = 0xfd;
        bytes[at++] = part < SIMD + 0x80 ? part : part | 0x80;
        if (part >= SIMD + 0x80) bytes[at++] = (part - SIMD) >>> 7;
      } else bytes[at++] = part;
    } else if (part instanceof Array) at = flatten(part, bytes, at);
    else {
      const start = at + SIZE_BYTES;
      const end = flatten(part.code, bytes, start);
      for (let i = 0; i < SIZE_BYTES; i++)
        bytes[at++] = (((end - start) >>> (7 * i)) & 0x7f) | (i < SIZE_BYTES - 1 ? 0x80 : 0);
      at = end;
    }
  }
  return at;
}

/** Enough for most modules. */
const USUAL_BYTES = 1 << 16;

/** The bytes of a tree. */
export function bytesOf(code: Code): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(USUAL_BYTES);
  const length = flatten(code, bytes, 0);
  if (length <= bytes.length) return bytes.subarray(0, length);
  const longer = new Uint8Array(length);
  flatten(code, longer, 0);
  return longer;
}
