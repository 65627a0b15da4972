// A model between stages: a checkpoint whose tensors are host arrays. Stages take one and return one.
import type { Checkpoint } from './checkpoint.js';

export type Model = Checkpoint;
