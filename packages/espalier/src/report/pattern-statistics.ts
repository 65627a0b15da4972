// Where the zeros of attention lie: the findings of Reweighted Proximal Pruning (Guo et al., 2019) are columns in query
// and rows in key matrices. Their TensorFlow kernels are [in, out], ours are [out, in]: what they call a column is a
// row here. Nothing is transposed silently; both marginals are given, each against a random mask of the same density.
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { mean, standardDeviation } from '../train/statistics.js';

/** Marginals of the mask `w != 0` of a matrix [out, in]: a row is one output unit, a column one input unit. */
export interface PatternStatistics {
  /** Fraction that is not zero. */
  readonly density: number;
  /** Sample variance of the rows' densities, and that of the columns'. */
  readonly rowVariance: number;
  readonly columnVariance: number;
  /** The variances over d (1 - d) / (entries of a row or column), what a random mask has: 1 is no structure. */
  readonly rowRatio: number;
  readonly columnRatio: number;
  /** columnVariance / rowVariance. */
  readonly columnOverRow: number;
}

/** Statistics of a matrix of `rows` rows, row-major. Ratios are NaN for one that is dense or empty. */
export function patternStatistics(weights: Float32Array, rows: number): PatternStatistics {
  const columns = weights.length / rows;
  const byRow = new Float64Array(rows);
  const byColumn = new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (weights[row * columns + column] === 0) continue;
      byRow[row]! += 1 / columns;
      byColumn[column]! += 1 / rows;
    }
  }
  const density = mean(byRow);
  const [rowVariance, columnVariance] = [standardDeviation(byRow) ** 2, standardDeviation(byColumn) ** 2];
  const entry = density * (1 - density); // variance of one entry of a random mask
  return {
    density,
    rowVariance,
    columnVariance,
    rowRatio: rowVariance / (entry / columns),
    columnRatio: columnVariance / (entry / rows),
    columnOverRow: columnVariance / rowVariance,
  };
}

export interface NamedPattern extends PatternStatistics {
  readonly name: string;
}

const QUERY_KEY = /(\.(query|key|q_lin|k_lin)\.weight|\.rel_attn\.[qk])$/;

/** The statistics of the transposed matrix. */
const transposed = (found: PatternStatistics): PatternStatistics => ({
  density: found.density,
  rowVariance: found.columnVariance,
  columnVariance: found.rowVariance,
  rowRatio: found.columnRatio,
  columnRatio: found.rowRatio,
  columnOverRow: 1 / found.columnOverRow,
});

/** Statistics of every query and key matrix that has zeros, in the order of the blocks. XLNet's are stored [in, out]. */
export function queryKeyPatterns({ config, tensors }: Model): NamedPattern[] {
  const { encoderLinear } = familyOf(config);
  return [...tensors].flatMap(([name, { shape, data }]) => {
    if (!encoderLinear.test(name) || !QUERY_KEY.test(name) || !data.includes(0)) return [];
    const found = patternStatistics(data, shape[0]!);
    return [{ name, ...(shape.length === 3 ? transposed(found) : found) }];
  });
}
