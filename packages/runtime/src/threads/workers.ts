// Workers from their start to their end: all of them work, or none.
import { spawn, type Spawned, type WorkerSource } from './spawn.js';
import type { Assignment, Report } from './work.js';

export interface Workers {
  /** Ends them all, and tells why if they were at work. */
  fail(why: string): void;
  close(): Promise<void>;
  /** Why they were ended, where they were. */
  ended(): string | undefined;
}

/** One for each assignment; rejects with the reason where one is not ready in so many milliseconds. */
export function startWorkers(
  assignments: readonly Assignment[],
  source: WorkerSource | undefined,
  milliseconds: number,
  tell: (why: string) => void,
): Promise<Workers> {
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
      else reject(new Error(why));
    };
    const timer = setTimeout(() => fail(`workers were not ready after ${milliseconds} ms`), milliseconds);
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
