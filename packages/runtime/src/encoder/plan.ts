// All that a thread has to know of an encoder besides its memory: plain data, addresses and sizes.
import type { Program } from '../kernels/program.js';
import type { Scratch, Shared } from './buffers.js';
import type { Block, Norm } from './layers.js';
import type { PlacedTable } from './tables.js';

export interface Plan {
  readonly hidden: number;
  readonly headSize: number;
  readonly epsilon: number;
  readonly program: Program;
  readonly embeddings: {
    readonly words: PlacedTable;
    readonly positions: PlacedTable;
    readonly types?: PlacedTable | undefined;
    readonly norm: Norm;
  };
  readonly blocks: readonly Block[];
  readonly shared: Shared;
  /** One for each thread. */
  readonly scratch: readonly Scratch[];
}
