// Options of every job that writes a packed file, and what they are by default.
import { z } from 'zod';
import { PACK_EMBEDDINGS, PACK_VALUES, type PackForm } from '../export/pack-choices.js';

export const packSchema = z.strictObject({
  values: z.enum(PACK_VALUES).optional().describe('pack: values of encoder matrices, default int8'),
  embeddings: z.enum(PACK_EMBEDDINGS).optional().describe('pack: word embeddings, default int8'),
  gate: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe(
      'pack: fraction of dev examples to decide as the float32 model does; default 0.995, coarse forms 0.97',
    ),
  keep: z.boolean().optional().describe('pack: keep a file that fails its gate; the job fails all the same'),
});

export type PackOptions = z.output<typeof packSchema>;

export const formOf = ({ values = 'int8', embeddings = 'int8' }: PackOptions): PackForm => ({
  values,
  embeddings,
});
