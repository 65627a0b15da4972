// The gate of an int8 file: it must decide as its rounded model does in float32 arithmetic. Sums of integers differ
// from sums of floats in the last digits, which now and then moves a value by a whole step of 8 bits; so decisions
// are compared, and the largest difference of a logit is told.
import type { Example } from '../data/example.js';
import { EspalierError } from '../errors.js';
import { largestIndex } from '../train/evaluation.js';
import type { Predictor } from '../train/predictor.js';

/** Fraction of examples that must be decided alike. */
const LEAST_AGREEMENT = 0.995;
/**
 * A single score agrees when it is this close, as a fraction of the range of the reference's scores; a position of an
 * answer, when its score is: there are hundreds of them, often two of nearly the same.
 */
const SCORE_TOLERANCE = 0.01;

export interface Agreement {
  readonly examples: number;
  /** Fraction of examples with the same arg-max; of regression and answer spans, with about the same score. */
  readonly agreement: number;
  readonly largestDifference: number;
}

/**
 * Compares decisions and logits of an artefact with its reference's. Throws EspalierError naming `path` when too many
 * decisions differ.
 */
export async function checkArgmax(
  path: string,
  reference: Pick<Predictor, 'logits'>,
  artefact: Pick<Predictor, 'logits'>,
  examples: readonly Example[],
  spans = false,
): Promise<Agreement> {
  const expected = await reference.logits(examples);
  const found = await artefact.logits(examples);
  const result = compareDecisions(expected, found, spans);
  if (result.agreement >= LEAST_AGREEMENT) return result;
  const other = Math.round((1 - result.agreement) * result.examples);
  throw new EspalierError(
    `${path} was not written: ${other} of ${result.examples} examples are decided otherwise than by the rounded ` +
      `model in float32, ${percent(result.agreement)} alike, expected at least ${percent(LEAST_AGREEMENT)}; ` +
      `the largest difference of a logit is ${result.largestDifference.toExponential(1)}`,
  );
}

const percent = (fraction: number): string => `${(100 * fraction).toFixed(2)} %`;

const sameChoice = (expected: Float32Array, found: Float32Array): boolean =>
  largestIndex(expected) === largestIndex(found);

/** The likeliest position by `found` is, for `expected`, about as likely as its own. */
function likePosition(expected: Float32Array, found: Float32Array): boolean {
  const [most, least] = [Math.max(...expected), Math.min(...expected)];
  return most - expected[largestIndex(found)]! <= SCORE_TOLERANCE * (most - least);
}

/** Both halves of a row: starts and ends. */
const likeSpan = (expected: Float32Array, found: Float32Array): boolean =>
  [
    [0, expected.length / 2],
    [expected.length / 2, expected.length],
  ].every(([from, until]) => likePosition(expected.subarray(from, until), found.subarray(from, until)));

/** Rows of logits against rows of logits; what is missing or no number agrees with nothing. */
export function compareDecisions(
  expected: readonly Float32Array[],
  found: readonly Float32Array[],
  spans = false,
): Agreement {
  const scores = expected.map((row) => row[0]!);
  const close = SCORE_TOLERANCE * (Math.max(...scores) - Math.min(...scores));
  let alike = 0;
  let largestDifference = 0;
  for (const [index, row] of expected.entries()) {
    const differences = Array.from(row, (value, column) =>
      Math.abs(value - (found[index]?.[column] ?? Number.NaN)),
    );
    const difference = Math.max(...differences);
    largestDifference = Math.max(largestDifference, difference);
    if (!Number.isFinite(difference)) continue;
    const other = found[index]!;
    if (spans ? likeSpan(row, other) : row.length === 1 ? difference <= close : sameChoice(row, other))
      alike++;
  }
  return { examples: expected.length, agreement: alike / expected.length, largestDifference };
}
