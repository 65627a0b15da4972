// Where the decoder's own tables stand: at fixed addresses, which its functions have in their code. They are the first that
// is placed in an arena.
import { ENTRIES } from '../format/huffman.js';
import { CONSTANT_BYTES } from '../kernels/constants.js';

/** So many bytes are copied into the memory at a time; a block of a stream, with its head, can be a little longer. */
export const WINDOW_BYTES = 1 << 18;

/** The last bytes of a window, which a checksum divides; it wants as many zeros before the window. */
export const DIVIDED = 16 * 209;

const BYTES = {
  /** u8, one more than the bits of each symbol's code; 0 where it has none. */
  lengths: 256,
  /** u8, by the next bits: the symbol whose code they begin with. */
  symbols: ENTRIES,
  /** The same: how many bits the code has. */
  bits: ENTRIES,
  /** The first of the tables of format/crc32c.ts. */
  crc: 1024,
  /** f32 [16]. */
  codebook: 64,
  before: DIVIDED,
  window: WINDOW_BYTES + 64,
} as const;

type Fixed = { readonly [K in keyof typeof BYTES]: number };

/** Addresses. */
export const FIXED = ((): Fixed => {
  let top = CONSTANT_BYTES;
  const entries = Object.entries(BYTES).map(([name, bytes]) => [name, (top += bytes) - bytes]);
  return Object.fromEntries(entries) as Fixed;
})();

export const FIXED_BYTES = Object.values(BYTES).reduce((sum, bytes) => sum + bytes, 0);
