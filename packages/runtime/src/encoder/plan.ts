// All that a thread has to know of an encoder besides its memory: plain data, addresses and sizes.
import type { Programs } from '../kernels/self-test.js';
import type { Scratch, Shared } from './buffers.js';
import type { Block, PlacedEncoder } from './layers.js';

export interface Plan {
  readonly hidden: number;
  readonly headSize: number;
  readonly epsilon: number;
  /** Where threads share the memory, of all widths. */
  readonly programs: Programs;
  /** Whether the first tile of a sequence may be narrower than the others. */
  readonly mixed: boolean;
  readonly embeddings: PlacedEncoder['embeddings'];
  readonly blocks: readonly Block[];
  readonly shared: Shared;
  /** One for each thread. */
  readonly scratch: readonly Scratch[];
}
