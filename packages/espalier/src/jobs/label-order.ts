// A model names its outputs (id2label in config.json), and a data set numbers its classes by itself. Where both have
// the same names the model's order holds: otherwise a good model would be scored as a bad one without a word.
import type { RawExample, Task, TaskData } from '../data/example.js';
import type { Model } from '../models/model.js';
import { hasHead } from '../models/task-model.js';

/** Output of the model for each label of the task, or undefined where the model does not have these names. */
function outputsOf(model: Model, { labels }: Task): number[] | undefined {
  const names = Object.entries(model.config.id2label ?? {});
  const outputs = labels.map((label) => Number(names.find(([, name]) => name === label)?.[0] ?? -1));
  return outputs.length === names.length && !outputs.includes(-1) ? outputs : undefined;
}

/** True unless the model has the labels of the task in another order. */
export const hasLabelOrder = (model: Model, task: Task): boolean =>
  outputsOf(model, task)?.every((output, index) => output === index) ?? true;

/** The task with its labels in the order of the model's head. F1 counts the class at index 1, which must stay. */
export function inLabelOrder(model: Model, data: TaskData): TaskData {
  const { task } = data;
  const outputs = outputsOf(model, task);
  const fixed = task.kind === 'regression' || task.metrics.includes('f1') || !hasHead(model, task);
  if (fixed || !outputs || hasLabelOrder(model, task)) return data;
  const labels = [...task.labels];
  for (const [index, output] of outputs.entries()) labels[output] = task.labels[index]!;
  const renumbered = (examples: readonly RawExample[]): RawExample[] =>
    examples.map((example) => ({ ...example, label: outputs[example.label]! }));
  return {
    ...data,
    task: { ...task, labels },
    train: renumbered(data.train),
    dev: renumbered(data.dev),
  };
}
