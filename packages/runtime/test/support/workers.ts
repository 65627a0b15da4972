// Workers that misbehave. They are told what real ones are, and touch the shared words with the compiled functions.
import { Worker } from 'node:worker_threads';

const url = (file: string): string => new URL(`../../dist/threads/${file}`, import.meta.url).href;

export const workerUrl = new URL(url('worker.js'));

/** CommonJS that is run in a worker with `board`, `control` (the module) and `port`. */
const inWorker = (body: string): string => `
  const { parentPort: port } = require('node:worker_threads');
  port.once('message', async ({ memory, control: at }) => {
    const control = await import(${JSON.stringify(url('control.js'))});
    const board = { at, words: new Int32Array(memory.buffer) };
    const taken = () => {
      for (;;) {
        const turn = Atomics.load(board.words, at.turn);
        if (control.take(board) !== undefined) return;
        Atomics.wait(board.words, at.turn, turn);
      }
    };
    ${body}
  });`;

const BODIES = {
  /** Is never ready. */
  silent: 'setInterval(() => {}, 1000);',
  /** Fails over the first unit that it takes. */
  failing: `port.postMessage('ready'); taken(); control.lose(board); port.postMessage({ failed: 'injected' });`,
  /** Dies over the first unit that it takes. */
  dying: `port.postMessage('ready'); taken(); process.exit();`,
} as const;

/** Makes such workers, and keeps them. */
export function misbehaving(kind: keyof typeof BODIES) {
  const made: Worker[] = [];
  const worker = (): Worker => {
    const one = new Worker(inWorker(BODIES[kind]), { eval: true });
    made.push(one);
    return one;
  };
  return { worker, made };
}

/** Whether the worker has ended, at the latest after so many milliseconds. */
export const hasEnded = (worker: Worker, milliseconds = 5000): Promise<boolean> =>
  new Promise((resolve) => {
    if (worker.threadId === -1) {
      resolve(true);
      return;
    }
    const timer = setTimeout(() => resolve(false), milliseconds);
    worker.once('exit', () => {
      clearTimeout(timer);
      resolve(true);
    });
  });
