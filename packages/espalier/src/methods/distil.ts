// Knowledge distillation from a frozen teacher (Hinton et al., 2015; weights and temperature as in Prune Once for
// All): labels * L_task + teacher * T^2 * KL(softmax(teacher / T) || softmax(student / T)). For regression the
// second term is the squared error to the teacher's prediction.
import { z } from 'zod';
import type { Node } from '../graph/node.js';
import { logSoftmax, mul, reduceSum, scale, softmax, sub } from '../graph/ops/index.js';
import type { Method } from './method.js';

const options = z.strictObject({
  temperature: z.number().positive().default(2).describe('softens both distributions'),
  labels: z.number().min(0).default(0.5).describe("weight of the task's own loss"),
  teacher: z.number().min(0).default(0.5).describe('weight of the distillation loss'),
});

/** [rows, classes] x 2 -> [rows, 1]: T^2 * KL per row. */
export function distillationLoss(student: Node, teacher: Node, temperature: number): Node {
  const soft = softmax(scale(teacher, 1 / temperature));
  const difference = sub(
    logSoftmax(scale(teacher, 1 / temperature)),
    logSoftmax(scale(student, 1 / temperature)),
  );
  return scale(reduceSum(mul(soft, difference), [1], true), temperature ** 2);
}

export const distil: Method<z.infer<typeof options>> = {
  name: 'distil',
  title: 'Distillation from a dense teacher',
  paper: 'Hinton et al. 2015, arXiv 1503.02531; weights of Zafrir et al. 2021, arXiv 2111.05754',
  options,
  provenance: { temperature: 'code', labels: 'code', teacher: 'code' },
  create: ({ temperature, labels, teacher }) => ({
    build: (graph) => ({
      loss(terms, outputs) {
        const student = outputs.get('logits')!;
        const target = graph.teacher('logits');
        const perRow =
          student.shape[1] === 1
            ? mul(sub(student, target), sub(student, target))
            : distillationLoss(student, target, temperature);
        return [
          ...terms.map((term) => ({ ...term, weight: term.weight * labels })),
          { name: 'distil', weight: teacher, node: reduceSum(mul(perRow, graph.rowScale)) },
        ];
      },
    }),
  }),
};
