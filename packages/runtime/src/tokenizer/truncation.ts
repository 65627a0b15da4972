// Truncation as the fast tokenizers of Hugging Face do it (tokenizers 0.23, strategy longest_first): tokens go
// from the end of the longer part until both fit.

/**
 * How many tokens of each part fit into `budget`, longest first: the longer part is cut to the rest of the
 * budget; when both are longer than half, the odd token goes to the longer one, and to the second on a tie.
 */
export function longestFirst(first: number, second: number, budget: number): [number, number] {
  if (first + second <= budget) return [first, second];
  const half = Math.floor(budget / 2);
  const rest = budget - half;
  if (first > second) return second <= half ? [budget - second, second] : [rest, half];
  return first <= half ? [first, budget - first] : [half, rest];
}

/**
 * `ids` up to the end of the word that reaches `maxLength`. The reference stops reading a part there (its pull
 * request 1990), and since that can turn "longer" into a tie, it decides where the odd token of a pair goes.
 * `continuing` holds the ids of pieces that continue a word; where it is empty (byte pairs do not mark them)
 * every piece is taken for a word, so that this one token may go to the other part than in the reference.
 */
export function readUntil(
  ids: readonly number[],
  maxLength: number,
  continuing: ReadonlySet<number>,
): readonly number[] {
  let end = Math.min(maxLength, ids.length);
  while (end < ids.length && continuing.has(ids[end]!)) end++;
  return ids.slice(0, end);
}
