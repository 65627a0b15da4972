// What a worker does, all its life.
import { runStage, type Thread } from '../encoder/forward.js';
import type { Plan } from '../encoder/plan.js';
import { bindProgram } from '../kernels/program.js';
import { type Board, type Control, hasLost } from './control.js';
import { help } from './help.js';
import { waitForChange } from './wait.js';

/** All that a worker is told: plain data and what agents can share. */
export interface Assignment {
  readonly memory: WebAssembly.Memory;
  readonly plan: Plan;
  readonly control: Control;
  /** Which of the plan's scratch places is its own. */
  readonly index: number;
}

/** What a worker answers: that it is ready to work, or why it no longer does. */
export type Report = 'ready' | { readonly failed: string };

/** The life of a worker; ends when a unit was lost, otherwise never. */
export function work({ memory, plan, control, index }: Assignment, report: (what: Report) => void): void {
  try {
    const thread: Thread = {
      plan,
      banks: plan.programs.map((program) => bindProgram(program, memory)),
      scratch: plan.scratch[index]!,
      f32: new Float32Array(memory.buffer),
    };
    const board: Board = { at: control, words: new Int32Array(memory.buffer) };
    report('ready');
    while (!hasLost(board)) {
      const turn = Atomics.load(board.words, control.turn);
      help(board, thread, runStage);
      waitForChange(board.words, control.turn, turn, Infinity, true);
    }
  } catch (error) {
    report({ failed: String(error) });
  }
}
