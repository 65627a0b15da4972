// Two lists of numbers, entry by entry.
import { expect } from 'vitest';

export function expectNear(found: ArrayLike<number>, expected: ArrayLike<unknown>, tolerance: number): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) {
    expect(Math.abs(found[i]! - Number(expected[i])), `value ${i}`).toBeLessThan(tolerance);
  }
}
