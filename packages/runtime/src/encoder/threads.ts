// What an encoder asks of threads. They are an entry of their own (src/threads), so that who computes with one thread does
// not load them.
import type { Arena } from './arena.js';
import type { runStage, Thread, Unit } from './forward.js';

/** Workers over the memory of an encoder. */
export interface Pool {
  /** Threads that compute, the calling one among them. */
  readonly threads: number;
  /** Why workers no longer do. */
  readonly note: string | undefined;
  /**
   * Computes stage after stage of a forward pass. `alone`: it did not, and nobody is at work, so that the calling thread may
   * do it by itself; workers would be of no use, or have failed. `dead`: it did not, and the memory can be used no more.
   */
  run(units: readonly (readonly Unit[])[], firstOnly: boolean): 'done' | 'alone' | 'dead';
  /** Ends the workers. Twice is once. */
  close(): Promise<void>;
}

/** What a pool is made of, besides workers. */
export interface PoolParts {
  readonly arena: Arena;
  readonly stages: number;
  /** Padded tokens of the largest batch. */
  readonly capacity: number;
  /** The calling one. */
  readonly thread: Thread;
  readonly runStage: typeof runStage;
}

/** So many threads, the calling one among them. Both functions say why it computes alone, where it does. */
export interface Threads {
  readonly count: number;
  /** Asked before a shared memory is made. */
  unavailable(): string | undefined;
  /** Never rejects. */
  start(parts: PoolParts): Promise<Pool | string>;
}
