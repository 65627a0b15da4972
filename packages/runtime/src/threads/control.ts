// Who computes what: a few words of the shared memory, with which threads take the units of a forward pass one by one.
//
// Units are numbered through the life of the pool, modulo 2^32: those below `next` are taken, those below `end` may be taken,
// `done` have been computed. A unit is taken by compare-and-exchange of `next`, so that a thread which was asleep for stages
// or calls can only take one that is open now. When `done` reaches `end`, whoever computed the last unit opens the next stage
// or ends the job. What describes a job (its base and its units) is read by those alone who have taken one of its units and
// not given it back, and is written when there are none. All words are used through Atomics, which are sequentially
// consistent: who sees `end` sees the units; who sees `done` sees what was computed.
import type { Arena } from '../encoder/arena.js';
import type { Unit } from '../encoder/forward.js';
import { TILE_WIDTHS, type TileWidth } from '../encoder/tiles.js';

/** Places among the i32 of the memory, each word in a cache line of its own: plain numbers, the same for every thread. */
export interface Control {
  readonly next: number;
  readonly end: number;
  readonly done: number;
  /** The end of the last job that was finished. */
  readonly finished: number;
  /** Grows whenever there may be something new to do: what idle threads wait for. */
  readonly turn: number;
  /** Units that threads have failed to compute. From the first on no stage ends and none begins. */
  readonly lost: number;
  /** Number of the job's first unit, its units, and whether it is for first tokens only. */
  readonly job: number;
  /** The units of all stages: UNIT_WORDS each. */
  readonly units: number;
}

/** A thread's view of it. */
export interface Board {
  readonly at: Control;
  readonly words: Int32Array;
}

/** A unit with all that a thread must know to compute it. */
export interface Task {
  readonly stage: number;
  readonly unit: Unit;
  readonly firstOnly: boolean;
}

const UNIT_WORDS = 6;
const JOB_WORDS = 3;

/** For forward passes of so many stages over at most so many tokens, padding included. */
export function placeControl(arena: Arena, stages: number, tokens: number): Control {
  const words = (count: number): number => arena.place(4 * count) / 4;
  return {
    ...{ next: words(1), end: words(1), done: words(1), finished: words(1), turn: words(1), lost: words(1) },
    job: words(JOB_WORDS),
    units: words((UNIT_WORDS * stages * tokens) / TILE_WIDTHS[0]!),
  };
}

/** a - b of numbers modulo 2^32. */
const difference = (a: number, b: number): number => (a - b) | 0;

/** Wakes all who wait for `turn`. */
function wake({ at, words }: Board): void {
  Atomics.add(words, at.turn, 1);
  Atomics.notify(words, at.turn);
}

/** Takes an open unit that nobody has; returns its number, or nothing where there is none. */
export function take({ at, words }: Board): number | undefined {
  for (;;) {
    const next = Atomics.load(words, at.next);
    if (difference(Atomics.load(words, at.end), next) <= 0) return undefined;
    if (Atomics.compareExchange(words, at.next, next, next + 1) === next) return next;
  }
}

/** What a unit is that this thread has taken. */
export function taskOf({ at: { job, units }, words }: Board, number: number): Task {
  const from = units + UNIT_WORDS * difference(number, words[job]!);
  const [stage, , tokens, first, start, width] = words.subarray(from, from + UNIT_WORDS);
  return {
    stage: stage!,
    unit: { tokens: tokens!, first: first!, start: start!, width: width as TileWidth },
    firstOnly: words[job + 2] === 1,
  };
}

/** Says that a unit which this thread has taken is computed. */
export function give(board: Board): void {
  const { at, words } = board;
  const done = (Atomics.add(words, at.done, 1) + 1) | 0;
  const end = Atomics.load(words, at.end);
  if (done !== end) return; // also where others have opened further stages meanwhile
  const [base, units] = [words[at.job]!, words[at.job + 1]!];
  const index = difference(end, base);
  if (index === units) Atomics.store(words, at.finished, end);
  else Atomics.store(words, at.end, base + words[at.units + UNIT_WORDS * index + 1]!);
  wake(board);
}

/** Says that a unit which this thread has taken will never be computed. */
export function lose(board: Board): void {
  Atomics.add(board.words, board.at.lost, 1);
  wake(board);
}

/** Opens the first stage of a job, given by the units of its stages; returns the job's end. Stages without units are none. */
export function begin(board: Board, stages: readonly (readonly Unit[])[], firstOnly: boolean): number {
  const { at, words } = board;
  const base = Atomics.load(words, at.end);
  let index = 0;
  stages.forEach((units, stage) => {
    const stageEnd = index + units.length;
    for (const { tokens, first, start, width } of units)
      words.set([stage, stageEnd, tokens, first, start, width], at.units + UNIT_WORDS * index++);
  });
  words.set([base, index, firstOnly ? 1 : 0], at.job);
  Atomics.store(words, at.end, base + words[at.units + 1]!);
  wake(board);
  return (base + index) | 0;
}

export const isFinished = ({ at, words }: Board, end: number): boolean =>
  Atomics.load(words, at.finished) === end;

export const hasLost = ({ at, words }: Board): boolean => Atomics.load(words, at.lost) > 0;

/** Units of the open stage that threads have taken and neither given back nor lost; after a loss these only become fewer. */
export const underway = ({ at, words }: Board): number =>
  difference(Atomics.load(words, at.next), Atomics.load(words, at.done)) - Atomics.load(words, at.lost);
