// An encoder with workers, or with none where there can be none: it then says so and computes alone.
import { type Encoder, type EncoderOptions, encoderOver, prepareEncoder } from '../encoder/encoder.js';
import { RuntimeError } from '../encoder/errors.js';
import type { EncoderWeights } from '../encoder/weights.js';
import { createMemory } from '../kernels/create-memory.js';
import type { Board } from './control.js';
import { type PoolLimits, startPool } from './pool.js';
import type { WorkerSource } from './spawn.js';
import { maySleep } from './wait.js';

const MOST_THREADS = 64;

export interface ThreadedOptions extends EncoderOptions {
  /** Threads that compute, the calling one among them; more than there are cores are slower. */
  readonly threads: number;
  /** The address of dist/threads/worker.js, or what makes a worker of it; by default the one beside this file. */
  readonly worker?: WorkerSource | undefined;
  readonly limits?: PoolLimits | undefined;
}

/** Why threads cannot share a memory here, where they cannot. */
function whyAlone(): string | undefined {
  if (typeof SharedArrayBuffer === 'undefined' || Reflect.get(globalThis, 'crossOriginIsolated') === false)
    return (
      'the page is not cross-origin isolated; serve it with Cross-Origin-Opener-Policy: same-origin and ' +
      'Cross-Origin-Embedder-Policy: require-corp'
    );
  try {
    createMemory(1, true);
    return undefined;
  } catch (error) {
    return `this engine gives no shared memory (${String(error)})`;
  }
}

const warn = (note: string): string => {
  console.warn(`@espalier/runtime: one thread computes: ${note}`);
  return note;
};

/** Like `createEncoder`, with workers that are ready when it resolves. Without them there is a note, and a warning. */
export async function createThreadedEncoder(
  weights: EncoderWeights,
  { threads, worker, limits, ...options }: ThreadedOptions,
): Promise<Encoder> {
  if (!Number.isInteger(threads) || threads < 1 || threads > MOST_THREADS)
    throw new RuntimeError(`threads: expected a whole number from 1 to ${MOST_THREADS}, found ${threads}`);
  if (threads === 1) return encoderOver(prepareEncoder(weights, options));
  const alone = whyAlone();
  if (alone !== undefined) return encoderOver(prepareEncoder(weights, options), undefined, warn(alone));
  const state = prepareEncoder(weights, options, threads);
  const {
    plan,
    thread,
    control,
    arena: { memory },
  } = state;
  const board: Board = { at: control!, words: new Int32Array(memory.buffer) };
  const assignments = plan.scratch
    .map((_, index) => ({ memory, plan, control: control!, index }))
    .slice(1); // the first is the calling thread's
  try {
    const pool = await startPool({
      ...{ thread, board, assignments, sleeps: maySleep() },
      ...{ source: worker, limits, tell: warn },
    });
    return encoderOver(state, pool);
  } catch (error) {
    return encoderOver(state, undefined, warn(error instanceof Error ? error.message : String(error)));
  }
}
