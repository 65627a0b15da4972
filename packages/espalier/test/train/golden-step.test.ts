// Whole training steps of a tiny BERT against PyTorch (scripts/bert_goldens.py): logits, loss, gradients, and six
// clipped AdamW steps; the optimisers alone against twenty steps of PyTorch's.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Task } from '../../src/data/example.js';
import { planStore } from '../../src/engine/plan.js';
import { createStore, type Store } from '../../src/engine/store.js';
import { createPredictor } from '../../src/train/predictor.js';
import { fixture, golden } from '../support/golden.js';
import { firstStep, relativeError, trainerOf, twoClasses } from '../support/training.js';

const threeClasses: Task = { ...twoClasses, labels: ['a', 'b', 'c'] };
const regression: Task = { ...twoClasses, kind: 'regression', labels: ['score'], metrics: ['pearson'] };

describe.each([
  ['bert-step.safetensors', threeClasses],
  ['bert-step-regression.safetensors', regression],
])('a training step of %s', (file, task) => {
  it('has the logits of PyTorch', async () => {
    const { model, examples, tensor } = await golden(file, task);
    const predictor = createPredictor({ model, threads: 2, device: 'cpu', padId: 0, rows: 5 });
    const logits = (await predictor.logits(examples)).flatMap((row) => [...row]);
    await predictor.release();
    for (const [i, value] of [...tensor('logits').data].entries()) {
      expect(Math.abs(logits[i]! - Number(value))).toBeLessThan(1e-5);
    }
  });

  it('has the loss and the gradients of PyTorch', async () => {
    const { tensor, gradients, ...run } = await golden(file, task);
    const found = await firstStep(run);
    expect(Math.abs(found.loss - Number(tensor('loss').data[0]))).toBeLessThan(1e-5);
    expect(found.gradients.size).toBe(gradients.size);
    expect(relativeError(found.gradients, gradients)).toBeLessThan(2e-6);
  });

  it('has the losses and norms of six clipped AdamW steps of PyTorch', async () => {
    const { tensor, ...run } = await golden(file, task);
    const trainer = trainerOf({ ...run, steps: 6 });
    for (let step = 0; step < 6; step++) {
      const { loss, gradNorm } = await trainer.step();
      const expected = Number(tensor('losses.decay_selected').data[step]);
      const norm = Number(tensor('norms.decay_selected').data[step]);
      expect(Math.abs(loss - expected), `loss of step ${step + 1}`).toBeLessThan(
        1e-5 * Math.max(1, expected),
      );
      expect(Math.abs(gradNorm - norm) / norm, `norm of step ${step + 1}`).toBeLessThan(1e-5);
    }
    await trainer.release();
  });
});

interface OptimiserGolden {
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly adamw: {
    options: { lr: number; betas: [number, number]; eps: number; weight_decay: number };
    after: After;
  };
  readonly sgd: { options: { lr: number; momentum: number; weight_decay: number }; after: After };
}

/** Weights by number of steps. */
type After = Readonly<Record<string, readonly number[]>>;

describe('twenty updates of one tensor', () => {
  const { start, gradients, adamw, sgd }: OptimiserGolden = JSON.parse(
    readFileSync(fixture('adamw.json'), 'utf8'),
  );

  it.each([
    [
      'AdamW',
      adamw.after,
      (store: Store, step: number) => {
        const { lr, betas, eps, weight_decay: decay } = adamw.options;
        store.adamw('w', { lr, beta1: betas[0], beta2: betas[1], eps, decay, step });
      },
    ],
    [
      'SGD',
      sgd.after,
      (store: Store) => {
        const { lr, momentum, weight_decay: decay } = sgd.options;
        store.sgd('w', { lr, momentum, decay });
      },
    ],
  ])('by %s are those of PyTorch', (_rule, after, update) => {
    const store = createStore(
      planStore([{ name: 'w', shape: [start.length], slots: ['weight', 'grad', 'm', 'v'] }]),
    );
    store.view('w', 'weight').set(start);
    let compared = 0;
    for (const [index, gradient] of gradients.entries()) {
      store.view('w', 'grad').set(gradient);
      update(store, index + 1);
      const expected = after[String(index + 1)];
      if (!expected) continue;
      compared++;
      for (const [i, value] of expected.entries()) {
        const found = store.view('w', 'weight')[i]!;
        expect(Math.abs(found - value), `step ${index + 1}, entry ${i}`).toBeLessThan(1e-6);
      }
    }
    expect(compared).toBe(4);
  });
});
