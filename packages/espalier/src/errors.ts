// The errors a user sees. Each message is one or two lines that name the file, option or tensor, what was
// expected, what was found and what to do next.

import type { Report } from './report/report.js';

/** The work failed: a file that cannot be read, a gate not met, no memory. Exit status 1. */
export class EspalierError extends Error {
  /** Process exit status the command line uses for this error. */
  readonly exitStatus: number = 1;
  override name = 'EspalierError';
}

/** The request was wrong: unknown option, missing argument, invalid recipe. Exit status 2. */
export class UsageError extends EspalierError {
  override readonly exitStatus = 2;
  override name = 'UsageError';
}

/** A file does not hold what its format promises. `path` names it. */
export class FormatError extends EspalierError {
  override name = 'FormatError';
  constructor(
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(`${path}: ${message}`, options);
  }
}

/** A run whose result is not good enough: all of it is written that may be. `report` is the run's. */
export class GateFailure extends EspalierError {
  override name = 'GateFailure';
  constructor(
    message: string,
    readonly report: Report,
  ) {
    super(message);
  }
}

/** Called between batches: throws Interrupted where the user has asked to stop. */
export type StopCheck = () => void;

/** The user stopped the run between two steps, or batches of what scores it. */
export class Interrupted extends EspalierError {
  override name = 'Interrupted';
  constructor(readonly resumable: boolean) {
    super(resumable ? 'stopped; run the same command with --resume to continue' : 'stopped');
  }
}
