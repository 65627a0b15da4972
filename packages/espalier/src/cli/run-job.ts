// Runs a job in the worker and shows its progress. Ctrl-C asks it to stop after the present step; a second one kills.
import { Worker } from 'node:worker_threads';
import { EspalierError, GateFailure } from '../errors.js';
import { removeOwnLock } from '../io/lock-file.js';
import type { JobName, JobResult } from '../jobs/index.js';
import type { RunEvent } from '../recipe/run.js';
import { type ProgressLine, progressLine } from './terminal.js';
import type { WorkerInput, WorkerMessage } from './worker.js';

export interface OutputFlags {
  readonly json?: true;
  readonly quiet?: true;
}

/** A failure of the worker that is not one of our errors: a bug, shown with its place. */
class WorkerFailure extends Error {
  override name = 'WorkerFailure';
}

export async function runJob<Name extends JobName>(
  job: Name,
  options: unknown,
  { quiet }: OutputFlags,
): Promise<JobResult<Name>> {
  const stop = new SharedArrayBuffer(4);
  const out = folderOf(options);
  const input: WorkerInput = { job, options, stop };
  const progress = progressLine(process.stderr, { quiet: quiet ?? false });
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: input });
  const onSignal = (): void => {
    if (Atomics.exchange(new Int32Array(stop), 0, 1) !== 0) {
      if (out !== undefined) removeOwnLock(out);
      process.exit(130);
    }
    progress.note('stopping after this step; press Ctrl-C again to stop at once');
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    return await new Promise<JobResult<Name>>((resolve, reject) => {
      worker.on('message', (message: WorkerMessage) => {
        if (message.type === 'event') show(progress, message.event);
        else if (message.type === 'done') resolve(message.result as JobResult<Name>);
        else reject(failure(message));
      });
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new EspalierError(`the worker ended with status ${code}`)));
    });
  } finally {
    progress.done();
    await worker.terminate();
    if (out !== undefined) removeOwnLock(out); // a worker that crashed could not
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** The folder that a job writes, if it does. */
const folderOf = (options: unknown): string | undefined =>
  typeof options === 'object' && options !== null && 'out' in options && typeof options.out === 'string'
    ? options.out
    : undefined;

function failure({
  name,
  message,
  exitStatus,
  stack,
  report,
}: Extract<WorkerMessage, { type: 'failed' }>): Error {
  if (report) return new GateFailure(message, report);
  const error = stack === undefined ? new EspalierError(message) : new WorkerFailure(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return Object.assign(error, { exitStatus });
}

function show(progress: ProgressLine, event: RunEvent): void {
  if (event.type === 'note') progress[event.warning ? 'warn' : 'note'](event.message);
  else if (event.type === 'stage')
    progress.note(`${event.name}: ${event.steps} step${event.steps === 1 ? '' : 's'}`);
  else if (event.type === 'evaluation') {
    const scores = Object.entries(event.scores).map(([name, value]) => `${name} ${value.toFixed(4)}`);
    progress.note(`${event.stage}, step ${event.step}: ${scores.join(', ')}`);
  } else {
    progress.update({
      label: event.stage,
      step: event.result.step,
      total: event.steps,
      loss: event.result.loss,
    });
  }
}
