// Memories as the kernels import them.
import { MOST_PAGES } from '../wasm/assembler.js';

/** A memory that may grow to the most there is; `shared` with other threads. */
export const createMemory = (initial: number, shared: boolean): WebAssembly.Memory =>
  new WebAssembly.Memory({ initial, maximum: MOST_PAGES, shared });
