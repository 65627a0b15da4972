// What every thread does: it takes units and computes them, whichever come.
import type { runStage, Thread } from '../encoder/forward.js';
import { type Board, give, lose, take, taskOf } from './control.js';

/** Computes open units until there are none. */
export function help(board: Board, thread: Thread, run: typeof runStage): void {
  for (let number = take(board); number !== undefined; number = take(board)) {
    try {
      const { stage, unit, firstOnly } = taskOf(board, number);
      run(thread, stage, unit, firstOnly);
    } catch (error) {
      lose(board);
      throw error;
    }
    give(board);
  }
}
