// The pattern lock over a long run: 2,000 steps of decay, momentum and clipping never bring a zero back.
import { describe, expect, it } from 'vitest';
import { EspalierError } from '../../src/errors.js';
import { patternHash } from '../../src/engine/pattern.js';
import { methodNamed } from '../../src/methods/index.js';
import { magnitudeMask } from '../../src/methods/magnitude-mask.js';
import type { MethodHooks } from '../../src/methods/method.js';
import type { Model } from '../../src/models/model.js';
import type { Trainer } from '../../src/train/trainer.js';
import { madeUpExamples, randomModel, trainerOf } from '../support/training.js';

const MATRIX = /encoder\.layer.*(query|key|value|dense)\.weight$/;

/** A model whose encoder matrices have lost 60 % of their weights. */
function prunedModel(): Model {
  const model = randomModel({ num_hidden_layers: 1 });
  for (const [name, { data }] of model.tensors) {
    if (!MATRIX.test(name)) continue;
    const mask = new Uint8Array(data.length);
    magnitudeMask(data, 0.6, mask);
    for (let i = 0; i < data.length; i++) if (mask[i] === 0) data[i] = 0;
  }
  return model;
}

const hashOf = ({ stage: { tensors, store } }: Trainer): string =>
  patternHash(
    tensors.filter(({ name }) => MATRIX.test(name)).map(({ name }) => [name, store.view(name, 'weight')]),
  );

/** Gradient descent with momentum on the values and the output, AdamW elsewhere. */
const someMomentum: MethodHooks = {
  update: (_step, { name }, plan) =>
    /value|output/.test(name) ? { ...plan, rule: 'sgd', momentum: 0.9 } : plan,
};

const settings = { decay: 0.1, clip: 0.5, schedule: 'constant', warmup: 0 };
const examples = madeUpExamples(8, { longest: 4 });

describe('lock', () => {
  it('keeps the pattern over 2,000 steps of AdamW and momentum with decay and clipping', async () => {
    const trainer = trainerOf({
      model: prunedModel(),
      examples,
      settings,
      steps: 2000,
      methods: [methodNamed('lock').create({}), someMomentum],
    });
    const [before, start] = [hashOf(trainer), trainer.snapshot()];
    let clipped = 0;
    while (trainer.done < 2000) {
      const { gradNorm } = await trainer.step();
      if (gradNorm > settings.clip) clipped++;
      if (trainer.done % 50 === 0) expect(hashOf(trainer), `after step ${trainer.done}`).toBe(before);
    }
    await trainer.finishStage();
    await trainer.release();
    expect(clipped).toBeGreaterThan(0);
    for (const [name, { data }] of start.tensors) {
      if (MATRIX.test(name)) expect(trainer.weight(name), name).not.toEqual(data);
    }
  });

  it('is what keeps it: without it the first steps bring zeros back', async () => {
    const trainer = trainerOf({ model: prunedModel(), examples, settings, methods: [someMomentum] });
    const before = hashOf(trainer);
    await trainer.step();
    await trainer.release();
    expect(hashOf(trainer)).not.toBe(before);
  });

  it('fails when something else changed the pattern', async () => {
    const trainer = trainerOf({ model: prunedModel(), examples, methods: [methodNamed('lock').create({})] });
    const name = 'bert.encoder.layer.0.output.dense.weight';
    const weights = trainer.weight(name);
    weights[weights.indexOf(0)] = 1;
    await expect(trainer.finishStage()).rejects.toThrow(EspalierError);
    await trainer.release();
  });

  it('says when there is nothing to hold', () => {
    const notes: string[] = [];
    trainerOf({ methods: [methodNamed('lock').create({})], note: (message) => notes.push(message) });
    expect(notes.join()).toMatch(/no zeros/);
  });
});
