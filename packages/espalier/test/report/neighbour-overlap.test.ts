// Shared nearest neighbours of embedding tables, against a naive search and against what chance gives.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { random } from '../../src/random.js';
import { neighbourOverlap } from '../../src/report/neighbour-overlap.js';
import { f32, type HostTensor } from '../../src/tensor/tensor.js';

function table(rows: number, width: number, seed: number): HostTensor<'F32'> {
  const generator = random(seed, 'table');
  return f32(
    [rows, width],
    Float32Array.from({ length: rows * width }, () => generator.normal()),
  );
}

/** The k rows of `ids` nearest to `id`, by sorting. */
function neighbours(
  { shape, data }: HostTensor<'F32'>,
  ids: readonly number[],
  id: number,
  k: number,
): number[] {
  const width = shape[1]!;
  const row = (at: number) => [...data.subarray(at * width, (at + 1) * width)];
  const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const cosine = (other: number) => {
    const [a, b] = [row(id), row(other)];
    return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };
  return ids
    .filter((other) => other !== id)
    .sort((a, b) => cosine(b) - cosine(a))
    .slice(0, k);
}

describe('neighbourOverlap', () => {
  it('is what sorting gives', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 14 }),
        fc.integer({ min: 2, max: 5 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(1000),
        (rows, width, k, seed) => {
          const [before, after] = [table(rows, width, seed), table(rows, width, seed + 1)];
          const ids = random(seed, 'ids').shuffle([...Array(rows).keys()]);
          const order = ids.slice(0, Math.max(2, rows - 2));
          const wanted = Math.min(k, order.length - 1);
          const shares = order.map((id) => {
            const [first, second] = [before, after].map((t) => neighbours(t, order, id, wanted));
            return first!.filter((other) => second!.includes(other)).length / wanted;
          });
          const expected = shares.reduce((sum, share) => sum + share, 0) / shares.length;
          expect(neighbourOverlap(before, after, { k, order })).toBeCloseTo(expected, 12);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is 1 for one table, whatever its scale, and near chance for two', () => {
    const [one, other] = [table(401, 16, 1), table(401, 16, 2)];
    expect(neighbourOverlap(one, one)).toBe(1);
    const doubled = f32(
      one.shape,
      one.data.map((x) => 2 * x),
    );
    expect(neighbourOverlap(one, doubled)).toBe(1);
    // 10 of 400, with a standard error of 0.0025 over 401 pieces.
    expect(Math.abs(neighbourOverlap(one, other) - 10 / 400)).toBeLessThan(0.01);
  });

  it('falls as a table moves', () => {
    const [start, noise] = [table(200, 16, 1), table(200, 16, 2)];
    const moved = [0.05, 0.3, 1].map((by) =>
      neighbourOverlap(
        start,
        f32(
          start.shape,
          start.data.map((x, i) => x + by * noise.data[i]!),
        ),
      ),
    );
    expect(moved[0]!).toBeGreaterThan(moved[1]!);
    expect(moved[1]!).toBeGreaterThan(moved[2]!);
    expect(moved[0]!).toBeGreaterThan(0.8);
  });

  it('looks at the first pieces alone, and takes a row of zeros', () => {
    const [before, after] = [table(50, 8, 1), table(50, 8, 2)];
    after.data.set(before.data.subarray(0, 20 * 8));
    for (const { data } of [before, after]) data.fill(0, 8, 16);
    expect(neighbourOverlap(before, after, { pieces: 20 })).toBe(1);
    expect(neighbourOverlap(before, after)).toBeLessThan(1);
  });

  it('refuses tables of different vocabularies, and a single piece', () => {
    expect(() => neighbourOverlap(table(5, 2, 1), table(6, 2, 1))).toThrow(UsageError);
    expect(() => neighbourOverlap(table(5, 2, 1), table(5, 2, 1), { order: [3] })).toThrow(UsageError);
  });
});
