// Where the decoder's own tables stand: at fixed addresses, which its functions have in their code. They are the first that
// is placed in an arena.
import { TOTAL } from '../format/frequencies.js';
import { CONSTANT_BYTES } from '../kernels/constants.js';

/** Coded bytes are decoded so many at a time. */
export const WINDOW_BYTES = 1 << 16;
/** After a window: words that a round of four symbols may read past the end. */
export const WINDOW_SLACK = 8;
/** Tables of the checksum, 256 words each. */
export const CRC_TABLES = 16;

const BYTES = {
  /** {u16 frequency, u16 slot less start} of each slot; whole vectors are written, also past the last one. */
  slots: 4 * TOTAL + 64,
  /** u8, of each slot; as well. */
  symbols: TOTAL + 64,
  /** u16, of each slot: from which quotient of the state on no word is read; as well. */
  quotients: 2 * TOTAL + 64,
  /** u16 [256]. */
  frequencies: 512,
  /** u32 [4], and after them where the next symbol goes. */
  states: 64,
  crc: 1024 * CRC_TABLES,
  /** f32 [16]. */
  codebook: 64,
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
