// One step of a tiny model of every family but BERT against PyTorch (scripts/families_goldens.py): of a task, and of
// masked words.
import { describe, expect, it } from 'vitest';
import type { Corpus } from '../../src/data/corpus/index.js';
import type { Task } from '../../src/data/example.js';
import { padSideOf } from '../../src/models/families.js';
import { createPredictor } from '../../src/train/predictor.js';
import {
  pretrainBatches,
  type PretrainExample,
  pretrainObjective,
} from '../../src/train/pretrain-objective.js';
import { golden } from '../support/golden.js';
import { expectNear } from '../support/near.js';
import { firstStep, relativeError, settingsOf, twoClasses } from '../support/training.js';

const FAMILIES = ['distilbert', 'roberta', 'electra', 'xlnet'] as const;

const task: Task = { ...twoClasses, labels: ['a', 'b', 'c'] };

describe.each(FAMILIES)('a training step of %s', (family) => {
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

/** Any text: the batch comes from the fixture. */
const corpus: Corpus = {
  ids: Int32Array.from({ length: 60 }, (_, i) => i),
  continues: new Uint8Array(60),
  sentences: Int32Array.from([0, 15, 30, 45, 60]),
  documents: Int32Array.from([0, 2, 4]),
  ...{ vocabSize: 61, padId: 0, clsId: 1, sepId: 2, maskId: 3 },
  specials: new Set([0, 1, 2, 3]),
};

describe.each(FAMILIES)('a step of masked words of %s', (family) => {
  it('has the loss and the gradients of PyTorch', async () => {
    const { model, examples, unpadded, tensor, gradients } = await golden(
      `${family}-words.safetensors`,
      task,
    );
    const masked = examples.map((example, row): PretrainExample => {
      const own = unpadded('labels', row);
      const positions = Int32Array.from([...own.keys()].filter((position) => own[position] !== -100));
      return { ...example, label: 0, positions, targets: positions.map((position) => own[position]!) };
    });
    const settings = settingsOf({ batchSize: examples.length, maxLength: 16, clip: 0 });
    const masking = { style: 'exact', probability: 0.5, wholeWord: false } as const;
    const made = pretrainObjective({ data: { corpus, masking, nextSentence: false, seed: 1 }, settings });
    const bucket = { rows: examples.length, length: 16 };
    const padding = { padId: 0, padSide: padSideOf(model.config) };
    const objective = { ...made, batches: () => pretrainBatches(masked, bucket, () => 32, padding) };
    const found = await firstStep({ model, objective, settings });
    expect(Math.abs(found.loss - Number(tensor('loss').data[0]))).toBeLessThan(1e-5);
    expect(found.gradients.size).toBe(gradients.size);
    expect(relativeError(found.gradients, gradients)).toBeLessThan(2e-6);
  });
});
