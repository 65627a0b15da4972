// Marginals of zero patterns: a random mask has ratios near 1, structure shows in its own direction.
import { describe, expect, it } from 'vitest';
import { random } from '../../src/random.js';
import { patternStatistics, queryKeyPatterns } from '../../src/report/pattern-statistics.js';
import { randomModel } from '../support/training.js';

/** A matrix whose entry is kept with the probability `keep(row, column)`. */
function drawn(
  rows: number,
  columns: number,
  keep: (row: number, column: number) => number,
  seed = 1,
): Float32Array {
  const generator = random(seed, 'pattern');
  return Float32Array.from({ length: rows * columns }, (_, i) =>
    generator.uniform() < keep(Math.floor(i / columns), i % columns) ? -0.5 : 0,
  );
}

describe('patternStatistics', () => {
  it.each([0.05, 0.5, 0.9])('of random masks of density %d are those of the null, on average', (density) => {
    const runs = Array.from({ length: 20 }, (_, seed) =>
      patternStatistics(
        drawn(120, 200, () => density, seed),
        120,
      ),
    );
    const average = (value: (run: (typeof runs)[number]) => number): number =>
      runs.reduce((sum, run) => sum + value(run), 0) / runs.length;
    // The standard error of the mean of 20 sample variances of 120 values is 0.029.
    expect(Math.abs(average(({ rowRatio }) => rowRatio) - 1)).toBeLessThan(0.1);
    expect(Math.abs(average(({ columnRatio }) => columnRatio) - 1)).toBeLessThan(0.1);
    expect(average((run) => run.density)).toBeCloseTo(density, 2);
  });

  it('show the direction of structure', () => {
    const byColumn = patternStatistics(
      drawn(96, 64, (_, column) => (column % 4 === 0 ? 0.9 : 0.05)),
      96,
    );
    expect(byColumn.columnRatio).toBeGreaterThan(20);
    expect(byColumn.rowRatio).toBeLessThan(2);
    expect(byColumn.columnOverRow).toBeGreaterThan(20);
    const byRow = patternStatistics(
      drawn(96, 64, (row) => (row < 10 ? 0.9 : 0.05)),
      96,
    );
    expect(byRow.rowRatio).toBeGreaterThan(20);
    expect(byRow.columnRatio).toBeLessThan(2);
    expect(byRow.columnOverRow).toBeLessThan(0.05);
  });

  it('by hand: [out, in] with one empty row', () => {
    const found = patternStatistics(Float32Array.of(0, -0, 0, 1, 0, 1), 2);
    expect(found.density).toBeCloseTo(1 / 3, 12);
    expect(found.rowVariance).toBeCloseTo(2 / 9, 12); // of 0 and 2/3
    expect(found.columnVariance).toBeCloseTo(1 / 12, 12); // of 1/2, 0 and 1/2
    expect(found.rowRatio).toBeCloseTo(2 / 9 / (2 / 9 / 3), 12);
    expect(found.columnRatio).toBeCloseTo(1 / 12 / (2 / 9 / 2), 12);
    expect(found.columnOverRow).toBeCloseTo(3 / 8, 12);
  });
});

describe('queryKeyPatterns', () => {
  it('lists query and key matrices with zeros', () => {
    const model = randomModel();
    expect(queryKeyPatterns(model)).toEqual([]);
    const matrices = [0, 1].flatMap((layer) =>
      ['query', 'key', 'value'].map((part) => `bert.encoder.layer.${layer}.attention.self.${part}.weight`),
    );
    for (const name of matrices.slice(1)) model.tensors.get(name)!.data.fill(0, 0, 13);
    const found = queryKeyPatterns(model);
    expect(found.map(({ name }) => name).sort()).toEqual([matrices[1], matrices[3], matrices[4]].sort());
    expect(found[0]!.density).toBeCloseTo(51 / 64, 12);
  });

  it('reads those of XLNet, stored [in, heads, head size], as [out, in]', () => {
    const model = randomModel({ model_type: 'xlnet' });
    const name = 'transformer.layer.0.rel_attn.q';
    const { data } = model.tensors.get(name)!;
    for (const output of [0, 5]) for (let i = 0; i < 8; i++) data[i * 8 + output] = 0;
    const transposed = Float32Array.from({ length: 64 }, (_, at) => data[(at % 8) * 8 + Math.floor(at / 8)]!);
    const expected = patternStatistics(transposed, 8);
    expect(expected.rowRatio).toBeGreaterThan(5);
    expect(queryKeyPatterns(model)).toEqual([{ name, ...expected }]);
  });
});
