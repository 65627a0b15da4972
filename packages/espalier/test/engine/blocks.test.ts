// 1x4 blocks against naive twins in f64, widths that are no multiple of four among them; the operator of the block lasso
// against the minimum that defines it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockNorms, eachBlock, shrinkBlocks } from '../../src/engine/blocks.js';

const matrix = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 11 }))
  .chain(([rows, columns]) =>
    fc.record({
      columns: fc.constant(columns),
      weights: fc.array(
        fc.float({ noNaN: true, min: -4, max: 4 }).map((x) => (Math.abs(x) < 1e-3 ? 0 : x)),
        {
          minLength: rows * columns,
          maxLength: rows * columns,
        },
      ),
    }),
  );

/** Indices of the weights by block, row by row. */
const naiveBlocks = (length: number, columns: number): number[][] => {
  const blocks = new Map<string, number[]>();
  for (let i = 0; i < length; i++) {
    const key = `${Math.floor(i / columns)} ${Math.floor((i % columns) / 4)}`;
    blocks.set(key, [...(blocks.get(key) ?? []), i]);
  }
  return [...blocks.values()];
};
const naiveNorm = (weights: readonly number[], block: readonly number[]): number =>
  Math.sqrt(block.reduce((sum, i) => sum + weights[i]! ** 2, 0) / block.length);

describe('blocks', () => {
  it('are four consecutive inputs, fewer at the end of a row, and never cross it', () => {
    fc.assert(
      fc.property(matrix, ({ weights, columns }) => {
        const found: number[][] = [];
        eachBlock(weights.length, columns, (from, to) =>
          found.push(Array.from({ length: to - from }, (_, i) => from + i)),
        );
        expect(found).toEqual(naiveBlocks(weights.length, columns));
      }),
    );
  });

  it('have the root of their mean square as norm', () => {
    expect([...blockNorms(Float32Array.of(3, 4, 0, 0, 5, 1, 1, 1, 1, -7), 5)]).toEqual([
      ...[2.5, 2.5, 2.5, 2.5, 5],
      ...[1, 1, 1, 1, 7],
    ]);
    fc.assert(
      fc.property(matrix, ({ weights, columns }) => {
        const norms = blockNorms(Float32Array.from(weights), columns);
        for (const block of naiveBlocks(weights.length, columns)) {
          for (const i of block) expect(norms[i]).toBe(Math.fround(naiveNorm(weights, block)));
        }
      }),
    );
  });
});

describe('shrinkBlocks', () => {
  it('multiplies a block by max(0, 1 - threshold * factor / norm)', () => {
    // Weights (3, 4) as a short block: norm 5 / sqrt(2).
    const weights = Float32Array.of(3, 4, 0.1, -0.1);
    shrinkBlocks(weights, Float32Array.of(1, 1, 2, 2), 2, Math.SQRT2);
    expect(weights[0]).toBeCloseTo(3 * (1 - 2 / 5), 6);
    expect(weights[1]).toBeCloseTo(4 * (1 - 2 / 5), 6);
    expect([weights[2], weights[3]]).toEqual([0, 0]); // +0, also of what was negative
    fc.assert(
      fc.property(
        matrix,
        fc.double({ min: 0.01, max: 3, noNaN: true }),
        ({ weights: w, columns }, threshold) => {
          const [found, factors] = [Float32Array.from(w), new Float32Array(w.length).fill(0.5)];
          shrinkBlocks(found, factors, columns, threshold);
          for (const block of naiveBlocks(w.length, columns)) {
            const scale = Math.max(0, 1 - (threshold * 0.5) / naiveNorm(w, block));
            for (const i of block) expect(found[i]).toBeCloseTo(scale > 0 ? w[i]! * scale : 0, 5);
          }
        },
      ),
    );
  });

  it('finds the minimum of 1/2 |x - a|^2 + threshold * sqrt(size) * |x|', () => {
    const a = [0.9, -0.4, 0.2, 0.7];
    const cost = (x: ArrayLike<number>, th: number): number =>
      a.reduce((sum, value, i) => sum + 0.5 * (x[i]! - value) ** 2, 0) +
      th * 2 * Math.sqrt(Array.from(x).reduce((sum, value) => sum + value * value, 0));
    for (const th of [0.1, 0.4, 0.7]) {
      const best = Float32Array.from(a);
      shrinkBlocks(best, new Float32Array(4).fill(1), 4, th);
      for (let i = 0; i < 4; i++) {
        for (const step of [-1e-2, 1e-2]) {
          const other = Float64Array.from(best);
          other[i]! += step;
          expect(cost(other, th)).toBeGreaterThan(cost(best, th));
        }
      }
    }
  });
});
