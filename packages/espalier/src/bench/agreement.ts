// Whether a contestant computes what it should: nothing else is worth timing.
import { EspalierError } from '../errors.js';

/**
 * Largest distance from the logits of the float model, relative to their length (L2), by how a contestant rounds (ours):
 * a few times what rounding does to random ids; that of q15 grows with the values of a row, to some 0.04 where a model has no
 * zeros. A model that computes something else is about 1 away.
 */
export const TOLERANCES = { float: 1e-4, q15: 0.1, int8: 0.2 } as const;
export type Rounding = keyof typeof TOLERANCES;

type Logits = readonly ArrayLike<number>[];

/** |found - expected| / |expected| over all logits; `expected` may have further sequences. NaN where shapes differ. */
export function relativeDistance(found: Logits, expected: Logits): number {
  let [error, size] = [0, 0];
  for (const [row, values] of found.entries()) {
    const wanted = expected[row];
    if (wanted?.length !== values.length) return Number.NaN;
    for (let i = 0; i < values.length; i++) {
      error += (values[i]! - wanted[i]!) ** 2;
      size += wanted[i]! ** 2;
    }
  }
  return error === 0 ? 0 : Math.sqrt(error / size);
}

/** The distance. Throws EspalierError where it is beyond the tolerance. */
export function checkAgreement(name: string, found: Logits, expected: Logits, rounding: Rounding): number {
  const distance = relativeDistance(found, expected);
  if (distance <= TOLERANCES[rounding]) return distance;
  const rounds = rounding === 'float' ? '' : `, or loses so much by rounding (${rounding})`;
  throw new EspalierError(
    `${name} was not timed: its logits are ${distance.toPrecision(2)} of their length away from those of the model it ` +
      `was made of, expected at most ${TOLERANCES[rounding]}; it is another model, or computed wrongly here${rounds}`,
  );
}
