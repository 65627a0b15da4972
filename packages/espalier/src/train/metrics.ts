// The scores of the GLUE tasks, equal to scikit-learn's and SciPy's. Where those answer NaN (the correlation of
// a constant or of a single example is undefined) the score here is 0: such a prediction has found nothing.

import type { LabelMetricName, Task } from '../data/example.js';
import { EspalierError } from '../errors.js';
import { mean } from './statistics.js';

/** Class indices for classification, values for regression. */
type Values = ArrayLike<number>;

/** The scores of a task's metrics, and the majority score of its main one. */
export type Scores = Partial<Record<LabelMetricName, number>> & { majority: number };

function requirePairs(metric: string, predictions: Values, labels: Values): void {
  if (labels.length === 0) {
    throw new EspalierError(`${metric}: expected at least one example, found none; check the data split`);
  }
  if (predictions.length !== labels.length) {
    throw new EspalierError(
      `${metric}: expected one prediction per label (${labels.length}), found ${predictions.length}`,
    );
  }
}

function requireFinite(metric: string, what: string, values: Values): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      throw new EspalierError(
        `${metric}: expected finite ${what}s, found ${values[i]} at ${i}; a diverged run needs a lower --lr`,
      );
    }
  }
}

function requireClasses(metric: string, what: string, values: Values, classes: number): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isInteger(value) || value < 0 || value >= classes) {
      const range = Number.isFinite(classes) ? `0 to ${classes - 1}` : '0 or more';
      throw new EspalierError(
        `${metric}: expected a class index of ${range}, found ${what} ${value} at ${i}`,
      );
    }
  }
}

/** Fraction of predictions equal to their labels, 0 to 1. Throws EspalierError on no or unequal examples. */
export function accuracy(predictions: Values, labels: Values): number {
  requirePairs('accuracy', predictions, labels);
  let hits = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) hits++;
  return hits / labels.length;
}

/**
 * Binary F1 of class 1, 0 to 1: 2 TP / (2 TP + FP + FN), and 0 when class 1 is neither present nor predicted.
 * Throws EspalierError on no or unequal examples, or a class other than 0 and 1.
 */
export function f1(predictions: Values, labels: Values): number {
  requirePairs('f1', predictions, labels);
  requireClasses('f1', 'prediction', predictions, 2);
  requireClasses('f1', 'label', labels, 2);
  let truePositives = 0;
  let positives = 0; // predicted + present = 2 TP + FP + FN
  for (let i = 0; i < labels.length; i++) {
    truePositives += predictions[i]! * labels[i]!;
    positives += predictions[i]! + labels[i]!;
  }
  return positives === 0 ? 0 : (2 * truePositives) / positives;
}

function countClasses(values: Values, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (let i = 0; i < values.length; i++) counts[values[i]!]!++;
  return counts;
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/**
 * Matthews correlation of any number of classes (Gorodkin's R_K, 2004), -1 to 1; 0 when the labels or the
 * predictions are all of one class. Throws EspalierError on no or unequal examples, or a value that is no class.
 */
export function matthews(predictions: Values, labels: Values): number {
  requirePairs('matthews', predictions, labels);
  requireClasses('matthews', 'prediction', predictions, Number.POSITIVE_INFINITY);
  requireClasses('matthews', 'label', labels, Number.POSITIVE_INFINITY);
  let classes = 0;
  let hits = 0;
  for (let i = 0; i < labels.length; i++) {
    classes = Math.max(classes, predictions[i]! + 1, labels[i]! + 1);
    if (predictions[i] === labels[i]) hits++;
  }
  const predicted = countClasses(predictions, classes);
  const present = countClasses(labels, classes);
  // n^2 times the covariances of the one-hot encodings; whole numbers, exact in a double.
  const squared = labels.length ** 2;
  const both = hits * labels.length - dot(predicted, present);
  const spread = (squared - dot(predicted, predicted)) * (squared - dot(present, present));
  return spread === 0 ? 0 : both / Math.sqrt(spread);
}

/** Deviations from the mean, scaled to at most 1 so that squares neither overflow nor vanish; null if constant. */
function deviations(values: Values): Float64Array | null {
  // Compared first: the mean of equal values may be one rounding off them.
  if (Array.prototype.every.call(values, (value) => value === values[0])) return null;
  const centre = mean(values);
  const centred = Float64Array.from(values, (value) => value - centre);
  const largest = centred.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scaled = centred.map((value) => value / largest);
  const rest = mean(scaled); // what rounding left in the first mean, for values far from zero
  return scaled.map((value) => value - rest);
}

function correlation(a: Values, b: Values): number {
  const x = deviations(a);
  const y = deviations(b);
  if (x === null || y === null) return 0;
  const r = dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
  return Math.max(-1, Math.min(1, r));
}

function requireValues(metric: string, predictions: Values, labels: Values): void {
  requirePairs(metric, predictions, labels);
  requireFinite(metric, 'prediction', predictions);
  requireFinite(metric, 'label', labels);
}

/**
 * Pearson correlation, -1 to 1; 0 when either side is constant or there is one example (SciPy: NaN).
 * Throws EspalierError on no or unequal examples, or a value that is not finite.
 */
export function pearson(predictions: Values, labels: Values): number {
  requireValues('pearson', predictions, labels);
  return correlation(predictions, labels);
}

/** Ranks from 1; equal values share the average of their ranks. */
function averageRanks(values: Values): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) ranks[order[i]!] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

/**
 * Spearman rank correlation with average ranks for ties, -1 to 1; 0 when either side is constant or there is
 * one example (SciPy: NaN). Throws EspalierError on no or unequal examples, or a value that is not finite.
 */
export function spearman(predictions: Values, labels: Values): number {
  requireValues('spearman', predictions, labels);
  return correlation(averageRanks(predictions), averageRanks(labels));
}

const scorers: Record<LabelMetricName, (predictions: Values, labels: Values) => number> = {
  accuracy,
  f1,
  matthews,
  pearson,
  spearman,
};

function commonest(labels: Values): number {
  const counts = new Map<number, number>();
  for (const label of Array.from(labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
  // Ties go to the smallest label, whatever the order of the examples.
  return [...counts].reduce((best, next) =>
    next[1] > best[1] || (next[1] === best[1] && next[0] < best[0]) ? next : best,
  )[0];
}

/**
 * The score under `metric` of always guessing the commonest label (of equally common ones, the smallest). It is
 * 0 for the correlations, since it is constant. Throws EspalierError when `labels` is empty or not of the metric.
 */
export function majority(labels: Values, metric: LabelMetricName): number {
  requirePairs(metric, labels, labels);
  return scorers[metric](new Float64Array(labels.length).fill(commonest(labels)), labels);
}

/**
 * Every metric of `task`, and `majority` for its main (first) one. `predictions` are class indices, or values
 * for regression. Throws EspalierError on no or unequal examples, or a class the task does not have.
 */
export function scoreTask(task: Task, predictions: Values, labels: Values): Scores {
  const metrics = task.metrics.filter((metric) => metric !== 'exactMatch'); // of texts, not of labels
  const [main] = metrics;
  if (main === undefined)
    throw new EspalierError(`task ${task.name}: expected at least one metric, found none`);
  requirePairs(task.name, predictions, labels);
  if (task.kind === 'classification') {
    requireClasses(task.name, 'prediction', predictions, task.labels.length);
    requireClasses(task.name, 'label', labels, task.labels.length);
  }
  const scores: Scores = { majority: majority(labels, main) };
  for (const metric of metrics) scores[metric] = scorers[metric](predictions, labels);
  return scores;
}
