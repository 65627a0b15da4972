// Seeded subsets of a split. Both are pure functions of the seed.
import { UsageError } from '../errors.js';
import { random } from '../random.js';

/** `0 .. count - 1`. */
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** The first `count` examples after a seeded shuffle, or all of them; a smaller count takes a prefix of a larger. */
export function limitExamples<T>(examples: readonly T[], count: number, seed: number): T[] {
  if (!Number.isInteger(count) || count < 1) {
    throw new UsageError(`limit: expected a whole number of examples from 1, found ${count}`);
  }
  const order = random(seed, 'limit').shuffle(upTo(examples.length));
  return order.slice(0, count).map((index) => examples[index]!);
}

/**
 * Cuts a part of `fraction` (0 < fraction < 1, at least one example on either side) off `examples`, to choose
 * a checkpoint on. Both parts keep the order of the file. An `index` inside an example is left as it is.
 */
export function splitTrain<T>(
  examples: readonly T[],
  fraction: number,
  seed: number,
): { train: T[]; held: T[] } {
  const count = Math.round(examples.length * fraction);
  if (!(fraction > 0 && fraction < 1) || count < 1 || count >= examples.length) {
    throw new UsageError(
      `held-out split: expected a fraction that leaves examples on both sides, found ${fraction} of ${examples.length}`,
    );
  }
  const held = new Set(random(seed, 'held-out').shuffle(upTo(examples.length)).slice(0, count));
  return {
    train: examples.filter((_, index) => !held.has(index)),
    held: examples.filter((_, index) => held.has(index)),
  };
}
