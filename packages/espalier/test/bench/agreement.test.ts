// The distance of logits by its formula, and what is refused.
import { describe, expect, it } from 'vitest';
import { checkAgreement, relativeDistance, TOLERANCES } from '../../src/bench/agreement.js';
import { EspalierError } from '../../src/errors.js';

describe('relativeDistance', () => {
  it('is |found - expected| / |expected| over all sequences that were found', () => {
    // (0.3, 0, 0.4) from (3, 0, 4): 0.5 of 5
    const expected = [[3], [0, 4], [7]];
    expect(relativeDistance([[3.3], [0, 3.6]], expected)).toBeCloseTo(0.1, 12);
    expect(relativeDistance(expected, expected)).toBe(0);
    expect(relativeDistance([[0]], [[0]])).toBe(0);
    expect(relativeDistance([[1]], [[0]])).toBe(Infinity);
  });

  it.each([
    ['another count of logits', [[1, 2]]],
    ['more sequences than were expected', [[1], [2], [3]]],
    ['what is no number', [[Number.NaN]]],
  ])('is no number for %s', (_, found) => {
    expect(relativeDistance(found, [[1], [2]])).toBeNaN();
  });
});

describe('checkAgreement', () => {
  it('accepts what is within the tolerance and names what is not', () => {
    expect(checkAgreement('a', [[1.1]], [[1]], 'int8')).toBeCloseTo(0.1, 12);
    const refused = () => checkAgreement('a', [[1.1]], [[1]], 'float');
    expect(refused).toThrow(EspalierError);
    expect(refused).toThrow(`a was not timed: its logits are 0.10 of their length away`);
    expect(refused).toThrow(`expected at most ${TOLERANCES.float}`);
    expect(refused).toThrow(/computed wrongly here$/);
    expect(checkAgreement('dense', [[1.04]], [[1]], 'q15')).toBeCloseTo(0.04, 12); // a model without zeros
    expect(() => checkAgreement('a', [[1.2]], [[1]], 'q15')).toThrow(/or loses so much by rounding \(q15\)$/);
    expect(() => checkAgreement('a', [[Number.NaN]], [[1]], 'int8')).toThrow(/a was not timed/);
  });
});
