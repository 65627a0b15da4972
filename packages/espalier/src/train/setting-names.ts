// Names of the training settings, for those who only ask whether a text is one: the schema brings zod, which takes
// longer to load than most commands to check their options. The type keeps the two alike.
import type { TrainingSettings } from './settings.js';

const NAMES: Readonly<Record<keyof TrainingSettings, true>> = {
  epochs: true,
  steps: true,
  batchSize: true,
  microBatchSize: true,
  lr: true,
  warmup: true,
  schedule: true,
  decay: true,
  betas: true,
  epsilon: true,
  clip: true,
  dropout: true,
  maxLength: true,
};

export const isSetting = (text: string): boolean => Object.hasOwn(NAMES, text);
