// Vocabulary pruning: embedding rows of pieces that neither the task's text nor a corpus uses go, and the tokenizer follows.
// It acts before text becomes ids, so it has no hooks in training: a stage "transform" of the recipe stands for it, and the job
// does it (jobs/cut-vocabulary.ts).
import { z } from 'zod';
import type { Method } from './method.js';

const options = z.strictObject({
  corpus: z
    .union([z.string(), z.array(z.string()).min(1)])
    .optional()
    .describe('text whose pieces stay too: files, folders of .txt files, or globs'),
  minFrequency: z
    .int()
    .positive()
    .default(1)
    .describe('how often the corpus must have a piece for it to stay'),
});

export type VocabularyOptions = z.infer<typeof options>;

export const vocabulary: Method<VocabularyOptions> = {
  name: 'vocabulary',
  title:
    'Vocabulary pruning: keep the pieces that the task or a corpus uses, every character and the special tokens',
  paper: 'none',
  options,
  provenance: { corpus: 'ours', minFrequency: 'ours' },
  create: () => ({}),
};
