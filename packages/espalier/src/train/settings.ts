// Settings of a training stage, with the defaults of the BERT paper's fine-tuning where it states them.
import { z } from 'zod';

export const scheduleNames = ['linear', 'cosine', 'constant'] as const;
export type ScheduleName = (typeof scheduleNames)[number];

const positive = z.number().positive();

export const settingsSchema = z.strictObject({
  epochs: positive.default(3).describe('passes over the training examples (BERT paper: 2 to 4)'),
  steps: z.int().positive().optional().describe('optimiser steps; wins over epochs'),
  batchSize: z.int().positive().default(32).describe('examples per optimiser step (BERT paper: 16 or 32)'),
  microBatchSize: z
    .int()
    .positive()
    .optional()
    .describe('examples per pass; gradients accumulate up to the batch'),
  lr: positive.default(5e-5).describe('peak learning rate (BERT paper: 2e-5 to 5e-5)'),
  warmup: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('fraction of the steps spent warming up (BERT repository: 0.1)'),
  schedule: z.enum(scheduleNames).default('linear').describe('decay after the warm-up'),
  decay: z.number().min(0).default(0.01).describe('decoupled weight decay, not on biases and LayerNorm'),
  betas: z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]).default([0.9, 0.999]),
  epsilon: positive.default(1e-8).describe("Adam's epsilon, with bias correction (PyTorch's AdamW)"),
  clip: z.number().min(0).default(1).describe('largest global gradient norm; 0 turns clipping off'),
  dropout: z.number().min(0).max(1).optional().describe("overrides every dropout rate of the model's config"),
  maxLength: z.int().min(3).default(128).describe('tokens per example, special tokens included'),
});

export type TrainingSettings = z.infer<typeof settingsSchema>;
