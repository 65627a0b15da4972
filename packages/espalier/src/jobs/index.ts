// Every job, in one list: what the worker may be asked to run.
import type { RunControl } from '../recipe/run.js';
import { bench } from './bench.js';
import { compare } from './compare.js';
import { compress } from './compress.js';
import { demo } from './demo.js';
import { evaluate } from './evaluate.js';
import { exportModel } from './export.js';
import { finetune } from './finetune.js';
import { inspect } from './inspect.js';
import { predict } from './predict.js';
import { pretrain } from './pretrain.js';

/** A job takes plain data, validates it itself, and returns plain data. */
type Job = (options: never, control: RunControl) => Promise<unknown>;

export const JOBS = {
  bench,
  compare,
  compress,
  demo,
  evaluate,
  export: exportModel,
  finetune,
  inspect,
  predict,
  pretrain,
} satisfies Record<string, Job>;

export type JobName = keyof typeof JOBS;
export type JobResult<Name extends JobName> = Awaited<ReturnType<(typeof JOBS)[Name]>>;
