// The calling thread and its workers over one shared memory. Calls are synchronous: the calling thread computes like the
// others, so it is occupied in any case. A worker that is slow takes fewer units; one that dies holds up nobody unless it dies
// over a unit.
import { RuntimeError } from '../encoder/errors.js';
import type { Thread, Unit } from '../encoder/forward.js';
import { begin, type Board, hasLost, isFinished, take, underway } from './control.js';
import { waitForChange } from './wait.js';
import { type Assignment, help, type Report } from './work.js';
import { spawn, type Spawned, type WorkerSource } from './spawn.js';

export interface Pool {
  /** Threads that compute, the calling one among them. */
  readonly threads: number;
  /** Why workers no longer do. */
  readonly note: string | undefined;
  /**
   * Computes stage after stage of a forward pass; returns whether it did. Otherwise nobody else is at work, and the calling
   * thread may do it alone: workers would be of no use, or have failed.
   */
  run(stages: readonly (readonly Unit[])[], firstOnly: boolean): boolean;
  /** Ends the workers. Twice is once. */
  close(): Promise<void>;
}

export interface PoolLimits {
  /** Milliseconds in which all workers have to be ready. */
  readonly start: number;
  /** Milliseconds without progress after which a worker counts as dead. */
  readonly stuck: number;
}

export const LIMITS: PoolLimits = { start: 5000, stuck: 60_000 };

/** One wait at most: a machine that was asleep for hours has waited once. */
const WAIT_MS = 500;

interface Workers {
  /** Ends them all, and tells why if they were at work. */
  fail(why: string): void;
  close(): Promise<void>;
  /** Why they were ended, where they were. */
  ended(): string | undefined;
}

/** Starts a worker for each assignment; rejects with the reason where one cannot work. */
function startWorkers({ assignments, source, limits = LIMITS, tell }: PoolParts): Promise<Workers> {
  let reason: string | undefined;
  let spawned: Spawned[] = [];
  let starting = assignments.length;
  const end = async (why: string): Promise<void> => {
    reason ??= why;
    const all = spawned;
    spawned = [];
    await Promise.all(all.map((worker) => worker.terminate()));
  };
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      if (reason !== undefined) return;
      clearTimeout(timer);
      void end(why);
      if (starting === 0) tell(why);
      else reject(new RuntimeError(why));
    };
    const timer = setTimeout(() => fail(`workers were not ready after ${limits.start} ms`), limits.start);
    const message = (data: unknown): void => {
      const report = data as Report;
      if (report !== 'ready') fail(`a worker has failed: ${report.failed}`);
      else if (--starting === 0) {
        clearTimeout(timer);
        for (const worker of spawned) worker.release();
        resolve({ fail, close: () => end('its workers have been ended'), ended: () => reason });
      }
    };
    try {
      for (const assignment of assignments) {
        const worker = spawn(source, { message, end: (why) => fail(`a worker has failed: ${why}`) });
        spawned.push(worker);
        worker.post(assignment);
      }
    } catch (error) {
      fail(`a worker could not be started: ${String(error)}`);
    }
  });
}

export interface PoolParts {
  readonly thread: Thread;
  readonly board: Board;
  readonly assignments: readonly Assignment[];
  /** Whether the calling thread may sleep. */
  readonly sleeps: boolean;
  readonly source?: WorkerSource | undefined;
  readonly limits?: PoolLimits | undefined;
  /** Is told why workers that were ready no longer work. */
  readonly tell: (why: string) => void;
}

/** Rejects with the reason where the workers cannot work. */
export async function startPool(parts: PoolParts): Promise<Pool> {
  const { thread, board, assignments, sleeps, limits = LIMITS } = parts;
  const workers = await startWorkers(parts);
  let broken = false;

  /** Waits until `over`; throws where nothing moves for too long. */
  const waitUntil = (over: () => boolean, meanwhile: () => void): void => {
    let left = limits.stuck / WAIT_MS;
    for (;;) {
      const turn = Atomics.load(board.words, board.at.turn);
      meanwhile();
      if (over()) return;
      if (waitForChange(board.words, board.at.turn, turn, WAIT_MS, sleeps)) left = limits.stuck / WAIT_MS;
      else if (--left <= 0) throw stuck();
    }
  };
  const stuck = (): RuntimeError => {
    broken = true;
    workers.fail('a worker has died over its work');
    return new RuntimeError(
      'threads: a worker has died over its work; create the encoder anew, with threads: 1 if it happens again',
    );
  };
  /** After a loss: returns when no thread computes any more. */
  const abandon = (): void => {
    let skipped = 0;
    while (take(board) !== undefined) skipped++;
    waitUntil(
      () => underway(board) === skipped,
      () => undefined,
    );
    workers.fail('a thread has failed over its work');
  };
  return {
    get threads() {
      return workers.ended() === undefined ? assignments.length + 1 : 1;
    },
    get note() {
      return workers.ended();
    },
    run(stages, firstOnly) {
      if (broken) throw stuck();
      if (workers.ended() !== undefined || stages.every((units) => units.length < 2)) return false;
      const end = begin(board, stages, firstOnly);
      try {
        waitUntil(
          () => isFinished(board, end) || hasLost(board),
          () => help(board, thread),
        );
      } catch (error) {
        if (hasLost(board)) abandon();
        throw error;
      }
      if (isFinished(board, end)) return true;
      abandon();
      return false;
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
