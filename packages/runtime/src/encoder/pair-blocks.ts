// Blocks of 1x4 in the order in which the int8 kernel adds them, two at a time.
/** Place of a block of zeros. */
export const NO_BLOCK = -1;

/** A block is paired with one of the next so many, less one. */
export const LOOK_AHEAD = 8;

/** What the positive values of each half of a block add up to, and the negative ones. */
const sums = (values: Int8Array, block: number): readonly number[] =>
  [1, -1].flatMap((sign) =>
    [0, 2].map((half) => {
      const [a, b] = [0, 1].map((i) => Math.max(0, sign * values[4 * block + half + i]!));
      return a! + b!;
    }),
  );

/** Whether two blocks can be added together: the kernel sums the first two products of both, and the last two. */
function fit(values: Int8Array, a: number, b: number, largestSum: number): boolean {
  const others = sums(values, b);
  return sums(values, a).every((sum, i) => sum + others[i]! <= largestSum);
}

/**
 * Calls `visit` with the blocks of a row, from `start` to `end`, in pairs: a block and the first after it that fits
 * (`largestSum`: see Int8Layout), which changes places with the next one, or a block and one of zeros.
 */
export function eachPair(
  values: Int8Array,
  start: number,
  end: number,
  largestSum: number,
  visit: (first: number, second: number) => void,
): void {
  const order = Array.from({ length: end - start }, (_, i) => start + i);
  for (let at = 0; at < order.length; at++) {
    const block = order[at]!;
    const ahead = order.slice(at + 1, at + LOOK_AHEAD);
    const found = ahead.findIndex((other) => fit(values, block, other, largestSum));
    if (found < 0) {
      visit(block, NO_BLOCK);
      continue;
    }
    visit(block, ahead[found]!);
    order[++at + found] = ahead[0]!;
  }
}
