// How what is not training sees that the user wants to stop. Apart from the loop, which brings every method with it.
import { Interrupted, type StopCheck } from '../errors.js';
import type { RunControl } from './run.js';

/** Throws Interrupted once the control asks to stop; `resumable` where --resume goes on from there. */
export const stopCheck =
  ({ stopRequested }: Pick<RunControl, 'stopRequested'>, resumable: boolean): StopCheck =>
  () => {
    if (stopRequested()) throw new Interrupted(resumable);
  };
