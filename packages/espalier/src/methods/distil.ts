// Knowledge distillation from a frozen teacher (Hinton et al., 2015; weights and temperature as in Prune Once for
// All): labels * L_task + teacher * L_distil. What the second loss is belongs to the objective: T^2 * KL over the
// logits of a task (the squared error for regression), and over the predictions of words and of the next sentence.
import { z } from 'zod';
import type { Method } from './method.js';

const options = z.strictObject({
  temperature: z.number().positive().default(2).describe('softens both distributions'),
  labels: z.number().min(0).default(0.5).describe("weight of the task's own loss"),
  teacher: z.number().min(0).default(0.5).describe('weight of the distillation loss'),
  positions: z
    .enum(['all', 'masked'])
    .default('all')
    .describe('in pre-training: compare at all positions that are not padding, or at the masked ones only'),
});

export const distil: Method<z.infer<typeof options>> = {
  name: 'distil',
  title: 'Distillation from a dense teacher',
  paper: 'Hinton et al. 2015, arXiv 1503.02531; weights of Zafrir et al. 2021, arXiv 2111.05754',
  options,
  provenance: { temperature: 'code', labels: 'code', teacher: 'code', positions: 'code' },
  create: ({ temperature, positions, labels, teacher }) => ({
    build: (graph) => ({
      loss(terms, built) {
        const distilled = built.distilled((output) => graph.teacher(output), { temperature, positions });
        return [
          ...terms.map((term) => ({ ...term, weight: term.weight * labels })),
          ...distilled.map((term) => ({ ...term, weight: term.weight * teacher })),
        ];
      },
    }),
  }),
};
