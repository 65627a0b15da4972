// Waiting for a word of the shared memory to change: a short while awake, since the next stage is often near and falling
// asleep and waking up takes longer, then asleep, so that an idle thread costs nothing and a busy core is left to others.

/** Between falling asleep and waking up pass about so many milliseconds (ours). */
const AWAKE_MS = 0.1;
/** Looks at the word between two looks at the clock. */
const LOOKS = 64;

/** Whether this thread may sleep. The main thread of a browser may not. */
export function maySleep(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1);
    return true;
  } catch {
    return false;
  }
}

/** Waits until the word differs from `seen`, at most so many milliseconds; returns whether it does. */
export function waitForChange(
  words: Int32Array,
  at: number,
  seen: number,
  milliseconds: number,
  sleeps: boolean,
): boolean {
  const until = performance.now() + (sleeps ? Math.min(AWAKE_MS, milliseconds) : milliseconds);
  do {
    for (let look = 0; look < LOOKS; look++) if (Atomics.load(words, at) !== seen) return true;
  } while (performance.now() < until);
  return sleeps && Atomics.wait(words, at, seen, milliseconds) !== 'timed-out';
}
