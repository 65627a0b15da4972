// Scores of a model on labelled examples: the task's metrics, the majority score beside them, and the loss.
// Those of answer spans are of questions, each over all its windows.
import type { Example, MetricName, Task } from '../data/example.js';
import { predictAnswers } from '../data/squad/prediction.js';
import type { AnswerWindow } from '../data/squad/question.js';
import type { Predictor } from './predictor.js';
import type { PretrainScores } from './pretrain-evaluation.js';
import { scoreTask } from './metrics.js';
import { majorityF1, scoreAnswers } from './span-metrics.js';
import { mean } from './statistics.js';

/**
 * Scores by name. Of a task: its metrics with `majority` (the main metric of always guessing the commonest label or answer)
 * and `loss`.
 */
export type Scores = Readonly<Partial<Record<ScoreName, number>>>;

export type ScoreName = MetricName | 'majority' | 'loss' | keyof PretrainScores;

export type TaskScores = Readonly<Partial<Record<MetricName, number>> & { majority: number; loss: number }>;

/** Index of the largest logit; the value itself for regression. Of answer spans see `predictAnswers`. */
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

/** Examples that are scored: questions where several windows belong to one. */
export const countScored = (examples: readonly Example[]): number =>
  new Set(examples.map(({ index, window }) => window?.question.id ?? index)).size;

export function scoreLogits(
  task: Task,
  logits: readonly Float32Array[],
  examples: readonly Example[],
): TaskScores {
  if (task.kind === 'span') return scoreSpans(logits, examples);
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

function scoreSpans(logits: readonly Float32Array[], examples: readonly Example[]): TaskScores {
  const { questions, predictions } = predictAnswers(examples, logits);
  const scores = scoreAnswers(
    questions,
    predictions.map(({ text }) => text),
  );
  const losses = examples.map(({ window }, index) => spanCrossEntropy(logits[index]!, window!));
  return { ...scores, majority: majorityF1(questions), loss: mean(losses) };
}

/** Mean cross-entropy of start and end of one window, in nats. */
function spanCrossEntropy(logits: Float32Array, { start, end }: AnswerWindow): number {
  const tokens = logits.length / 2;
  const of = (values: Float32Array, position: number): number =>
    -Math.log(Math.max(probabilities(values)[position]!, Number.MIN_VALUE));
  return (of(logits.subarray(0, tokens), start) + of(logits.subarray(tokens), end)) / 2;
}

export async function evaluateModel(
  predictor: Predictor,
  task: Task,
  examples: readonly Example[],
): Promise<TaskScores> {
  return scoreLogits(task, await predictor.logits(examples), examples);
}
