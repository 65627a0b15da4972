// Every job, in one list: what the worker may be asked to run. Each is loaded when it is asked for; no other is.
import type { RunControl } from '../recipe/run.js';

/** A job takes plain data, validates it itself, and returns plain data. */
type Job = (options: never, control: RunControl) => Promise<unknown>;

export const JOBS = {
  bench: async () => (await import('./bench.js')).bench,
  compare: async () => (await import('./compare.js')).compare,
  compress: async () => (await import('./compress.js')).compress,
  demo: async () => (await import('./demo.js')).demo,
  evaluate: async () => (await import('./evaluate.js')).evaluate,
  export: async () => (await import('./export.js')).exportModel,
  finetune: async () => (await import('./finetune.js')).finetune,
  inspect: async () => (await import('./inspect.js')).inspect,
  predict: async () => (await import('./predict.js')).predict,
  pretrain: async () => (await import('./pretrain.js')).pretrain,
} satisfies Record<string, () => Promise<Job>>;

export type JobName = keyof typeof JOBS;
type JobNamed<Name extends JobName> = Awaited<ReturnType<(typeof JOBS)[Name]>>;
export type JobResult<Name extends JobName> = Awaited<ReturnType<JobNamed<Name>>>;
