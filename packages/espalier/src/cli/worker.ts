// The worker thread in which a job lives: data, loop, methods and engine. ONNX Runtime blocks its event loop, so the
// main thread keeps the terminal and sets a flag that is read between steps.
import { parentPort, workerData } from 'node:worker_threads';
import { EspalierError, GateFailure } from '../errors.js';
import { JOBS, type JobName } from '../jobs/index.js';
import type { RunControl, RunEvent } from '../recipe/run.js';
import type { Report } from '../report/report.js';

export interface WorkerInput {
  readonly job: JobName;
  readonly options: unknown;
  /** One 32-bit word; not zero asks the job to stop after its present step. */
  readonly stop: SharedArrayBuffer;
}

export type WorkerMessage =
  | { readonly type: 'event'; readonly event: RunEvent }
  | { readonly type: 'done'; readonly result: unknown }
  | {
      readonly type: 'failed';
      readonly name: string;
      readonly message: string;
      readonly exitStatus: number;
      readonly stack: string | undefined;
      /** Of a run that did not meet its gate. */
      readonly report: Report | undefined;
    };

const { job, options, stop } = workerData as WorkerInput;
const flag = new Int32Array(stop);
const post = (message: WorkerMessage): void => parentPort!.postMessage(message);

/** Steps are reported at most this often, in milliseconds: a message costs the loop about as much as a small step. */
const REPORT_EVERY = 100;
let reported = 0;

const control: RunControl = {
  stopRequested: () => Atomics.load(flag, 0) !== 0,
  onEvent(event) {
    const now = performance.now();
    const skip = event.type === 'step' && now - reported < REPORT_EVERY && event.result.step < event.steps;
    if (skip) return;
    if (event.type === 'step') reported = now;
    post({ type: 'event', event });
  },
};

try {
  const run = (await JOBS[job]()) as (options: unknown, control: RunControl) => Promise<unknown>;
  post({ type: 'done', result: await run(options, control) });
} catch (error) {
  const known = error instanceof EspalierError;
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  post({
    type: 'failed',
    name,
    message,
    exitStatus: known ? error.exitStatus : 1,
    stack: known ? undefined : stack,
    report: error instanceof GateFailure ? error.report : undefined,
  });
}
