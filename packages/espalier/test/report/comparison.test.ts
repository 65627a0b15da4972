// The table of a grid against values worked out by hand, and the Pareto front against its definition.
import { describe, expect, it } from 'vitest';
import { random } from '../../src/random.js';
import { type Cell, type ComparedTask, summariseCells } from '../../src/report/comparison.js';
import { comparisonTable, renderComparison } from '../../src/report/comparison-tables.js';
import { paretoFront, type Point } from '../../src/report/pareto.js';

const sst2: ComparedTask = { name: 'sst2', metric: 'accuracy', correlation: false };
const stsb: ComparedTask = { name: 'stsb', metric: 'spearman', correlation: true };

function cell(recipe: string, seed: number, accuracy: number, more: Partial<Cell> = {}): Cell {
  return {
    ...{ model: 'mini', task: 'sst2', recipe, sparsity: recipe === 'dense' ? null : 0.8, seed },
    ...{
      scores: { majority: 0.5, accuracy },
      encoder: recipe === 'dense' ? 0 : 0.8,
      parameters: 1000,
      bytes: 4000,
    },
    ...{ finalAdjustment: null, seconds: 1 },
    ...more,
  };
}

describe('a comparison', () => {
  const cells = [
    cell('dense', 0, 0.8),
    cell('nip', 0, 0.7, { bytes: 2000 }),
    cell('dense', 1, 0.9),
    cell('nip', 1, 0.86, { bytes: 2000 }),
    cell('nip', 2, 0.75, { bytes: 2000 }),
  ];

  it('has means, sample deviations and the change over the seeds that both have', () => {
    const { rows } = summariseCells([sst2], cells);
    expect(rows.map(({ recipe }) => recipe)).toEqual(['dense', 'nip']);
    const { mean, deviation, change, seeds } = rows[1]!.scores['sst2']!;
    expect(mean).toBeCloseTo(0.77, 12);
    expect(deviation).toBeCloseTo(Math.sqrt((0.07 ** 2 + 0.09 ** 2 + 0.02 ** 2) / 2), 12);
    expect(change).toBeCloseTo((0.7 - 0.8 + (0.86 - 0.9)) / 2, 12); // seed 2 has no dense model
    expect(seeds).toEqual([0, 1, 2]);
    expect(rows[0]!.scores['sst2']!.change).toBe(0);
  });

  it('knows a column that says nothing: dense within ten points of the majority, or a correlation below 0.3', () => {
    const informative = (dense: number, task = sst2): boolean => {
      const made = cell('dense', 0, dense, { task: task.name });
      const scores = { majority: task.correlation ? 0 : 0.5, [task.metric]: dense };
      return summariseCells([task], [{ ...made, scores }]).tasks[0]!.informative;
    };
    expect([informative(0.59), informative(0.61)]).toEqual([false, true]);
    expect([informative(0.29, stsb), informative(0.31, stsb)]).toEqual([false, true]);
  });

  it('shows scores times 100, the spread, and the change in brackets', () => {
    const { rows } = comparisonTable(summariseCells([sst2], cells));
    expect(rows.map((row) => row.at(-1))).toEqual(['50.0', '85.0 ± 7.1', '77.0 ± 8.2 (-7.0)']);
  });

  it('warns below the table where the penalty of a row left more than a point to adjust', () => {
    const rpp = [0.004, -0.031].map((finalAdjustment, seed) => cell('rpp', seed, 0.7, { finalAdjustment }));
    const comparison = summariseCells(
      [sst2],
      [...cells, cell('fine', 0, 0.7, { finalAdjustment: 0.009 }), ...rpp],
    );
    expect(comparison.rows.map(({ adjustment }) => adjustment)).toEqual([null, null, 0.009, 0.031]);
    const warnings = renderComparison(comparison, [])
      .split('\n')
      .filter((line) => line.includes('Warning'));
    expect(warnings).toEqual([expect.stringMatching(/^mini rpp 0\.8: Warning: .* 3\.1 %, above 1\.0 %/)]);
  });

  it('says so where no cell has a score', () => {
    const failed = { ...cell('nip', 3, 0), error: 'no memory' };
    const text = renderComparison(summariseCells([sst2], []), [failed]);
    expect(text).toContain('No cell has a score');
    expect(text).not.toContain('seeds');
  });

  it('leaves an empty cell where a task has no result, and names what failed', () => {
    const failed = { ...cell('nip', 3, 0), error: 'no memory' };
    const comparison = summariseCells([sst2, stsb], cells);
    expect(comparisonTable(comparison).rows.at(-1)!.at(-1)).toBe('');
    expect(renderComparison(comparison, [failed])).toContain(
      'failed: mini nip 0.8 on sst2, seed 3: no memory',
    );
  });

  it('puts int8 files on the front, the dense one once however many cells have it beside them', () => {
    const denseInt8 = { scores: { accuracy: 0.84 }, bytes: 1000 };
    const int8 = { scores: { accuracy: 0.76 }, bytes: 900 };
    const withFiles = cells.map((one) => ({ ...one, denseInt8, ...(one.recipe === 'nip' && { int8 }) }));
    const { fronts } = summariseCells([sst2], withFiles);
    expect(fronts['sst2']!.map(({ what, bytes }) => [what, bytes])).toEqual([
      ['mini nip 0.8, int8', 900],
      ['mini dense, int8', 1000],
      ['mini dense, float32', 4000],
    ]);
  });
});

describe('the Pareto front', () => {
  const beats = (a: Point, b: Point): boolean =>
    a.bytes <= b.bytes && a.score >= b.score && (a.bytes < b.bytes || a.score > b.score);

  it('holds exactly the points that no other beats, one of equal ones', () => {
    for (let seed = 0; seed < 50; seed++) {
      const generator = random(seed, 'points');
      const points = Array.from({ length: 1 + generator.integer(12) }, () => ({
        bytes: generator.integer(6),
        score: generator.integer(6),
      }));
      const key = ({ bytes, score }: Point): string => `${bytes} ${score}`;
      const wanted = points.filter((point) => !points.some((other) => beats(other, point))).map(key);
      const front = paretoFront(points);
      expect(new Set(front.map(key))).toEqual(new Set(wanted));
      expect(front).toHaveLength(new Set(wanted).size);
      for (const [index, { bytes }] of front.slice(1).entries())
        expect(bytes).toBeGreaterThan(front[index]!.bytes);
    }
  });
});
