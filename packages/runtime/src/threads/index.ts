// Threads for an encoder, or none where there can be none: it then says so and computes alone.
import type { Threads } from '../encoder/threads.js';
import { LIMITS, type PoolLimits, startPool } from './pool.js';
import { reasonOf, type WorkerSource } from './spawn.js';

export type { NodeWorker } from './node-threads.js';
export type { PoolLimits } from './pool.js';
export type { WorkerSource } from './spawn.js';
export type { Threads } from '../encoder/threads.js';

const MOST_THREADS = 64;
/** Of the encoder's memory (kernels/create-memory.ts). */
const MOST_PAGES = 65536;

export interface ThreadOptions {
  /** The address of worker.js, or what makes a worker of it; by default the one beside this file. */
  readonly worker?: WorkerSource | undefined;
  readonly limits?: PoolLimits | undefined;
}

/** Why threads cannot share a memory here, where they cannot. */
function whyAlone(): string | undefined {
  const apart = 'crossOriginIsolated' in globalThis && !globalThis.crossOriginIsolated; // Node says nothing
  if (typeof SharedArrayBuffer === 'undefined' || apart)
    return (
      'the page is not cross-origin isolated; serve it with Cross-Origin-Opener-Policy: same-origin and ' +
      'Cross-Origin-Embedder-Policy: require-corp'
    );
  try {
    new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
    return undefined;
  } catch (error) {
    return `this engine gives no shared memory (${String(error)})`;
  }
}

const warn = (note: string): string => {
  console.warn(`@espalier/runtime: one thread computes: ${note}`);
  return note;
};

/** So many threads, the calling one among them; more than there are cores are slower. */
export function threads(count: number, { worker, limits = LIMITS }: ThreadOptions = {}): Threads {
  if (!Number.isInteger(count) || count < 1 || count > MOST_THREADS)
    throw new RangeError(`threads: expected a whole number from 1 to ${MOST_THREADS}, found ${count}`);
  return {
    count,
    unavailable: () => {
      const note = count > 1 ? whyAlone() : undefined;
      return note === undefined ? undefined : warn(note);
    },
    start: (parts) => startPool(parts, worker, limits, warn).catch((error: unknown) => warn(reasonOf(error))),
  };
}
