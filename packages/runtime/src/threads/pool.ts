// The calling thread and its workers over one shared memory. Calls are synchronous: the calling thread computes like the
// others, so it is occupied in any case. A worker that is slow takes fewer units; one that dies holds up nobody unless it dies
// over a unit.
import type { Pool, PoolParts } from '../encoder/threads.js';
import { begin, type Board, hasLost, isFinished, placeControl, take, underway } from './control.js';
import { help } from './help.js';
import type { WorkerSource } from './spawn.js';
import { maySleep, waitForChange } from './wait.js';
import { startWorkers } from './workers.js';

export interface PoolLimits {
  /** Milliseconds in which all workers have to be ready. */
  readonly start: number;
  /** Milliseconds without progress after which a worker counts as dead. */
  readonly stuck: number;
}

export const LIMITS: PoolLimits = { start: 10_000, stuck: 60_000 };

/** One wait at most: a machine that was asleep for hours has waited once. */
const WAIT_MS = 500;

/** Starts the workers; rejects with the reason where they cannot work, and tells later why they no longer do. */
export async function startPool(
  { arena, stages, capacity, thread, runStage }: PoolParts,
  source: WorkerSource | undefined,
  limits: PoolLimits,
  tell: (why: string) => void,
): Promise<Pool> {
  const { memory } = arena;
  const { plan } = thread;
  const control = placeControl(arena, stages, capacity);
  const board: Board = { at: control, words: new Int32Array(memory.buffer) };
  const assignments = plan.scratch.map((_, index) => ({ memory, plan, control, index })).slice(1);
  const workers = await startWorkers(assignments, source, limits.start, tell);
  const sleeps = maySleep();
  let dead = false;

  /** Waits until `over`, working meanwhile; returns whether it came, since nothing may move for too long. */
  const waitUntil = (over: () => boolean, meanwhile?: () => void): boolean => {
    const patience = Math.ceil(limits.stuck / WAIT_MS);
    let left = patience;
    while (left > 0) {
      const turn = Atomics.load(board.words, control.turn);
      meanwhile?.();
      if (over()) return true;
      left = waitForChange(board.words, control.turn, turn, WAIT_MS, sleeps) ? patience : left - 1;
    }
    return false;
  };
  const die = (): 'dead' => {
    dead = true;
    workers.fail('a worker has died over its work');
    return 'dead';
  };
  /** After a loss: returns when no thread computes any more. */
  const abandon = (): 'alone' | 'dead' => {
    let skipped = 0;
    while (take(board) !== undefined) skipped++;
    if (!waitUntil(() => underway(board) === skipped)) return die();
    workers.fail('a thread has failed over its work');
    return 'alone';
  };
  return {
    get threads() {
      return workers.ended() === undefined ? plan.scratch.length : 1;
    },
    get note() {
      return workers.ended();
    },
    run(units, firstOnly) {
      if (dead) return 'dead';
      if (workers.ended() !== undefined || units.every((of) => of.length < 2)) return 'alone';
      const end = begin(board, units, firstOnly);
      const over = (): boolean => isFinished(board, end) || hasLost(board);
      try {
        if (!waitUntil(over, () => help(board, thread, runStage))) return die();
      } catch (error) {
        abandon(); // its own unit is lost
        throw error;
      }
      return isFinished(board, end) ? 'done' : abandon();
    },
    close: async () => {
      await workers.close();
      urgeCollection(board.words.byteLength);
    },
  };
}

/**
 * V8 does not count shared memories among what its collector may free, so that they pile up where encoders come and go. It
 * does count an ordinary buffer, which costs nothing as long as nobody writes it.
 */
function urgeCollection(bytes: number): void {
  try {
    new ArrayBuffer(bytes);
  } catch {
    // then there is pressure enough
  }
}
