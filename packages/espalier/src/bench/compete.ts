// A contestant's process: opens what it is asked to, runs it over and over, and prints one line of JSON.
import type { Example } from '../data/example.js';
import { type Reply, type Request, requestSchema, sequencesOf } from './message.js';
import { peakMemory } from './peak-memory.js';

/** Milliseconds that a contestant runs before it is timed, so that short runs are of optimised code. */
const WARM_UP = 500;

/** A model that is ready for one batch. */
export interface Opened {
  /** From ids to logits, an array for each sequence. */
  readonly run: () => ArrayLike<number>[] | Promise<ArrayLike<number>[]>;
  readonly levels?: Readonly<Record<string, string>>;
}

export type Open = (request: Request, batch: readonly Example[]) => Promise<Opened>;

/** Answers the request in the first argument. What goes wrong is the last line on stderr; the exit status is then 1. */
export async function compete(open: Open): Promise<void> {
  try {
    const request = requestSchema.parse(JSON.parse(process.argv[2] ?? ''));
    console.log(JSON.stringify(await answer(request, open)));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

async function answer(request: Request, open: Open): Promise<Reply> {
  const started = performance.now();
  const { run, levels } = await open(request, sequencesOf(request.batch));
  const opening = performance.now() - started;
  const logits = (await run()).map((row) => Array.from(row));
  const warm = performance.now() + (request.warmup > 1 ? WARM_UP : 0);
  for (let i = 0; i < request.warmup || performance.now() < warm; i++) await run();
  const milliseconds: number[] = [];
  for (let i = 0; i < request.runs; i++) {
    const start = performance.now();
    await run();
    milliseconds.push(performance.now() - start);
  }
  return { milliseconds, opening, peakBytes: peakMemory(), logits, ...(levels && { levels }) };
}
