// One training step of a tiny model of every family but BERT against PyTorch (scripts/families_goldens.py).
import { describe, expect, it } from 'vitest';
import type { Task } from '../../src/data/example.js';
import { createPredictor } from '../../src/train/predictor.js';
import { golden } from '../support/golden.js';
import { expectNear } from '../support/near.js';
import { firstStep, relativeError, twoClasses } from '../support/training.js';

const task: Task = { ...twoClasses, labels: ['a', 'b', 'c'] };

describe.each(['distilbert', 'roberta', 'electra'])('a training step of %s', (family) => {
  const file = `${family}-step.safetensors`;

  it('has the logits of PyTorch', async () => {
    const { model, examples, tensor } = await golden(file, task);
    expect(model.family).toBe(family);
    // Another padding than the model's: no output may depend on it.
    const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: 7, rows: 5 });
    const logits = await predictor.logits(examples);
    await predictor.release();
    expectNear(
      logits.flatMap((row) => [...row]),
      tensor('logits').data,
      1e-5,
    );
  });

  it('has the loss and the gradients of PyTorch', async () => {
    const { tensor, gradients, settings, ...run } = await golden(file, task);
    const found = await firstStep({ ...run, settings: { ...settings, clip: 0 } });
    expect(Math.abs(found.loss - Number(tensor('loss').data[0]))).toBeLessThan(1e-5);
    expect(found.gradients.size).toBe(gradients.size);
    expect(relativeError(found.gradients, gradients)).toBeLessThan(2e-6);
  });
});
