// Vocabulary pruning: embedding rows of pieces that the task's text does not use go, and the tokenizer follows. It acts
// before text becomes ids, so it has no hooks in training: a stage "transform" of the recipe stands for it, and the job
// does it (jobs/cut-vocabulary.ts).
import { z } from 'zod';
import type { Method } from './method.js';

const options = z.strictObject({});

export const vocabulary: Method<z.infer<typeof options>> = {
  name: 'vocabulary',
  title: 'Vocabulary pruning: keep the pieces that the task uses, every character and the special tokens',
  paper: 'none',
  options,
  provenance: {},
  create: () => ({}),
};
