// All that a thread has to know of an encoder besides its memory: plain data, addresses and sizes.
import type { Program } from '../kernels/program.js';
import type { Scratch, Shared } from './buffers.js';
import type { Block, PlacedEncoder } from './layers.js';

export interface Plan {
  readonly hidden: number;
  readonly headSize: number;
  readonly epsilon: number;
  readonly program: Program;
  readonly embeddings: PlacedEncoder['embeddings'];
  readonly blocks: readonly Block[];
  readonly shared: Shared;
  /** One for each thread. */
  readonly scratch: readonly Scratch[];
}
