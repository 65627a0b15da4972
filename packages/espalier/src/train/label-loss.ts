// Classification and regression: cross-entropy or squared error of one row of logits per example.
import { logSoftmax, mul, neg, reduceSum, sub } from '../graph/ops/index.js';
import { input } from '../graph/program.js';
import { distillationLoss } from './distillation-loss.js';
import type { TaskLoss } from './task-loss.js';

export const labelLoss: TaskLoss = {
  /** One-hot rows [rows, classes], or values [rows, 1]. */
  feeds(task, { rows, examples }) {
    const width = task.labels.length;
    const values = new Float32Array(rows * width);
    for (const [row, { label }] of examples.entries()) {
      if (task.kind === 'regression') values[row] = label;
      else values[row * width + label] = 1;
    }
    return new Map([['targets', values]]);
  },
  loss(logits, task, rowScale) {
    const wanted = input('targets', [logits.shape[0]!, task.labels.length]);
    const perRow =
      task.kind === 'regression'
        ? mul(sub(logits, wanted), sub(logits, wanted))
        : neg(reduceSum(mul(logSoftmax(logits), wanted), [1], true));
    return {
      terms: [{ name: 'task', weight: 1, node: reduceSum(mul(perRow, rowScale)) }],
      outputs: new Map([['logits', logits]]),
      distilled(teacher, { temperature }) {
        const target = teacher('logits');
        const apart =
          task.kind === 'regression'
            ? mul(sub(logits, target), sub(logits, target))
            : distillationLoss(logits, target, temperature);
        return [{ name: 'distil', weight: 1, node: reduceSum(mul(apart, rowScale)) }];
      },
    };
  },
  teacherShape: (task, { rows }) => [rows, task.labels.length],
  fillTeacher(target, logits) {
    target.fill(0);
    for (const [row, values] of logits.entries()) target.set(values, row * values.length);
  },
};
