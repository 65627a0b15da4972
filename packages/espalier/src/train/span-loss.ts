// Answer spans (Devlin et al., 2018): two distributions over the positions of a window, of the answer's first and of its
// last token; the loss is the mean of both cross-entropies. Padding has no part in them; in transformers it has.
import type { Node } from '../graph/node.js';
import { add, logSoftmax, mul, neg, reduceSum, reshape, scale } from '../graph/ops/index.js';
import { input } from '../graph/program.js';
import { distillationLoss } from './distillation-loss.js';
import { PADDING_BIAS } from './encoder-batch.js';
import type { TaskLoss } from './task-loss.js';

export const spanLoss: TaskLoss = {
  /** Both [2 * rows, length], start and end of a row after each other: one-hot positions, and what hides padding. */
  feeds(_task, { rows, length, examples, starts, mask }) {
    const targets = new Float32Array(2 * rows * length);
    const padding = new Float32Array(2 * rows * length);
    for (let row = 0; row < rows; row++) {
      const own = mask.subarray(row * length, (row + 1) * length);
      const window = examples[row]?.window;
      for (const [which, position] of [window?.start, window?.end].entries()) {
        const begin = (2 * row + which) * length;
        for (let token = 0; token < length; token++) if (!own[token]) padding[begin + token] = PADDING_BIAS;
        if (position !== undefined) targets[begin + starts[row]! + position] = 1;
      }
    }
    return new Map([
      ['targets', targets],
      ['padding', padding],
    ]);
  },
  loss(logits, _task, rowScale) {
    const [rows, , length] = logits.shape as [number, number, number];
    const shape = [2 * rows, length];
    const seen = add(reshape(logits, shape), input('padding', shape));
    /** Mean over start and end [2 * rows, 1], then the weighted sum over the rows. */
    const weighted = (each: Node): Node => scale(reduceSum(mul(reshape(each, [rows, 2]), rowScale)), 0.5);
    const likelihood = reduceSum(mul(logSoftmax(seen), input('targets', shape)), [1], true);
    return {
      terms: [{ name: 'task', weight: 1, node: weighted(neg(likelihood)) }],
      outputs: new Map([['logits', logits]]),
      distilled: (teacher, { temperature }) => [
        { name: 'distil', weight: 1, node: weighted(distillationLoss(seen, teacher('logits'), temperature)) },
      ],
    };
  },
  teacherShape: (_task, { rows, length }) => [2 * rows, length],
  fillTeacher(target, logits, { bucket, feeds }) {
    const padding = feeds.get('padding')!;
    target.fill(PADDING_BIAS);
    for (const [row, values] of logits.entries()) {
      for (const which of [0, 1]) {
        const half = values.subarray((which * values.length) / 2, ((which + 1) * values.length) / 2);
        let from = (2 * row + which) * bucket.length;
        while (padding[from] !== 0) from++; // padding may stand before the tokens
        target.set(half, from);
      }
    }
  },
};
