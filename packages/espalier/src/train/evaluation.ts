// Scores of a model on labelled examples: the task's metrics, the majority score beside them, and the loss.
import type { Example, MetricName, Task } from '../data/example.js';
import type { Predictor } from './predictor.js';
import type { PretrainScores } from './pretrain-evaluation.js';
import { scoreTask } from './metrics.js';

/**
 * Scores by name. Of a task: its metrics with `majority` (the main metric of always guessing the commonest label)
 * and `loss`.
 */
export type Scores = Readonly<Partial<Record<ScoreName, number>>>;

export type ScoreName = MetricName | 'majority' | 'loss' | keyof PretrainScores;

export type TaskScores = Readonly<Partial<Record<MetricName, number>> & { majority: number; loss: number }>;

/** Index of the largest logit; the value itself for regression. */
export function decide(task: Task, logits: Float32Array): number {
  if (task.kind === 'regression') return logits[0]!;
  return largestIndex(logits);
}

/** Of equal ones the first. */
export const largestIndex = (logits: Float32Array): number =>
  logits.reduce((best, value, index) => (value > logits[best]! ? index : best), 0);

/** Probabilities of each class (f64 softmax). */
export function probabilities(logits: Float32Array): number[] {
  const largest = Math.max(...logits);
  const exponentials = Array.from(logits, (value) => Math.exp(value - largest));
  const sum = exponentials.reduce((a, b) => a + b, 0);
  return exponentials.map((value) => value / sum);
}

export function scoreLogits(
  task: Task,
  logits: readonly Float32Array[],
  examples: readonly Example[],
): TaskScores {
  const labels = examples.map(({ label }) => label);
  const losses = logits.map((row, index) =>
    task.kind === 'regression'
      ? (row[0]! - labels[index]!) ** 2
      : -Math.log(Math.max(probabilities(row)[labels[index]!]!, Number.MIN_VALUE)),
  );
  const scores = scoreTask(
    task,
    logits.map((row) => decide(task, row)),
    labels,
  );
  return { ...scores, loss: losses.reduce((a, b) => a + b, 0) / losses.length };
}

export async function evaluateModel(
  predictor: Predictor,
  task: Task,
  examples: readonly Example[],
): Promise<TaskScores> {
  return scoreLogits(task, await predictor.logits(examples), examples);
}
