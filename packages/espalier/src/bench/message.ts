// What a race and its contestants, which run in processes of their own, say to each other: plain data.
import { z } from 'zod';
import type { Example } from '../data/example.js';
import { FORMS } from '../export/pack-choices.js';
import { random } from '../random.js';

/** Random sequences of one length: without padding, so that no contestant can save any. */
const batchSchema = z.strictObject({
  rows: z.int().positive(),
  tokens: z.int().positive(),
  /** Ids and token types are drawn below these. */
  vocabulary: z.int().positive(),
  types: z.int().positive(),
});

export const requestSchema = z.strictObject({
  /** What to open. */
  file: z.string(),
  batch: batchSchema,
  threads: z.int().positive(),
  /** Runs before those that count. */
  warmup: z.int().min(0),
  runs: z.int().min(0),
  /** Of a packed file: how the encoder computes, and the instructions it may use, by default all there are. */
  form: z.enum(FORMS).optional(),
  levels: z.array(z.enum(['dot', 'relaxed', 'simd', 'scalar'])).optional(),
});

export const replySchema = z.object({
  /** One for each run that counts. */
  milliseconds: z.array(z.number()),
  /** Milliseconds from the path to a model that can run. */
  opening: z.number(),
  peakBytes: z.number(),
  /** By sequence; JSON writes what is no number as null. */
  logits: z.array(
    z.array(
      z
        .number()
        .nullable()
        .transform((value) => value ?? Number.NaN),
    ),
  ),
  /** Of a packed file: the instructions that its kernels use. */
  levels: z.record(z.string(), z.string()).optional(),
});

export type BatchShape = z.infer<typeof batchSchema>;
export type Request = z.infer<typeof requestSchema>;
export type Reply = z.infer<typeof replySchema>;

/** The sequences of a batch: the first rows are the same in every larger batch. */
export function sequencesOf({ rows, tokens, vocabulary, types }: BatchShape): Example[] {
  const generator = random(0, 'bench');
  return Array.from({ length: rows }, (_, index) => ({
    index,
    ids: Int32Array.from({ length: tokens }, () => generator.integer(vocabulary)),
    typeIds: Uint8Array.from({ length: tokens }, () => generator.integer(types)),
    label: 0,
  }));
}
