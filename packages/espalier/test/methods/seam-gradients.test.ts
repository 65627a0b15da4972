// Two toy methods that obtain gradients their own way, written with the public hooks alone, each against runs
// without them: a gradient in two passes, and a clip per example.
import { describe, expect, it } from 'vitest';
import type { MethodHooks } from '../../src/methods/method.js';
import { firstStep, modelBits, relativeError, trainerOf } from '../support/training.js';
import { examples, lossOf, model, oneBatch, settings } from './twin.js';

describe('a gradient in two passes', () => {
  const RADIUS = 0.05;

  /** Sharpness-aware: the gradient at w + radius g / |g|, applied at w. */
  const sharpnessAware: MethodHooks = {
    async gradients({ store, tensors }, batch, pass) {
      const first = await pass(batch);
      const names = tensors.map(({ name }) => name);
      const kept = new Map(names.map((name) => [name, store.view(name, 'weight').slice()]));
      const factor = RADIUS / store.norm(names);
      for (const name of names)
        store.accumulate(store.view(name, 'weight'), store.view(name, 'grad'), factor);
      await pass(batch);
      for (const [name, weights] of kept) store.view(name, 'weight').set(weights);
      return first;
    },
  };

  it('is the gradient at the perturbed point, and leaves the weights where they were', async () => {
    const plain = await firstStep(oneBatch);
    const perturbed = new Map(
      [...model.tensors].map(([name, tensor]) => {
        const gradient = plain.gradients.get(name)!;
        const data = tensor.data.map((w, i) => w + (RADIUS / plain.norm) * gradient[i]!);
        return [name, { ...tensor, data }] as const;
      }),
    );
    const expected = await firstStep({ ...oneBatch, model: { ...model, tensors: perturbed } });
    const found = await firstStep({ ...oneBatch, methods: [sharpnessAware] });
    expect(relativeError(found.gradients, expected.gradients)).toBeLessThan(1e-5);
    expect(relativeError(found.gradients, plain.gradients)).toBeGreaterThan(1e-3);
    expect(found.loss).toBe(plain.loss);

    const resting = trainerOf({
      ...oneBatch,
      methods: [sharpnessAware, { update: (_step, _tensor, plan) => ({ ...plan, rate: 0 }) }],
    });
    await resting.step();
    expect(modelBits(resting.snapshot())).toEqual(modelBits(model));
    await resting.release();
  });
});

describe('a clip per example', () => {
  const LIMIT = 0.4;

  /** As in differentially private training: every example's gradient has a norm of at most LIMIT before the sum. */
  const perExample: MethodHooks = {
    async gradients({ store, tensors }, batch, pass) {
      const names = tensors.map(({ name }) => name);
      const sum = new Map(names.map((name) => [name, new Float32Array(store.view(name, 'grad').length)]));
      let loss = 0;
      for (const example of batch.split()) {
        loss += (await pass(example)).loss;
        const factor = Math.min(1, LIMIT / store.norm(names));
        for (const [name, total] of sum) {
          const gradient = store.view(name, 'grad');
          for (let i = 0; i < total.length; i++) total[i]! += factor * gradient[i]!;
        }
      }
      for (const [name, total] of sum) store.view(name, 'grad').set(total);
      return { loss };
    },
  };

  it('is the sum of the clipped gradients of runs with one example each', async () => {
    const expected = new Map<string, Float32Array>();
    let clipped = 0;
    for (const example of examples) {
      const alone = await firstStep({ model, examples: [example], settings: { ...settings, batchSize: 1 } });
      const norm = alone.norm / examples.length; // a run of its own does not divide by the batch
      const factor = Math.min(1, LIMIT / norm) / examples.length;
      if (norm > LIMIT) clipped++;
      for (const [name, gradient] of alone.gradients) {
        const total = expected.get(name) ?? new Float32Array(gradient.length);
        for (let i = 0; i < total.length; i++) total[i]! += factor * gradient[i]!;
        expected.set(name, total);
      }
    }
    expect(clipped).toBeGreaterThan(0);
    expect(clipped).toBeLessThan(examples.length);
    // The batch has padded rows: they are no examples.
    const padded = { ...settings, batchSize: 6 };
    const found = await firstStep({ model, examples, settings: padded, methods: [perExample] });
    expect(relativeError(found.gradients, expected)).toBeLessThan(1e-6);
    expect(found.loss).toBeCloseTo(lossOf(new Map()), 5);
  });

  it('without a limit is the gradient of the batch', async () => {
    const sum: MethodHooks = {
      async gradients({ store, tensors }, batch, pass) {
        const total = new Map<string, Float32Array>();
        let loss = 0;
        for (const example of batch.split()) {
          loss += (await pass(example)).loss;
          for (const { name } of tensors) {
            const gradient = store.view(name, 'grad');
            total.set(
              name,
              gradient.map((g, i) => g + (total.get(name)?.[i] ?? 0)),
            );
          }
        }
        for (const [name, gradient] of total) store.view(name, 'grad').set(gradient);
        return { loss };
      },
    };
    const [plain, found] = [await firstStep(oneBatch), await firstStep({ ...oneBatch, methods: [sum] })];
    expect(relativeError(found.gradients, plain.gradients)).toBeLessThan(1e-6);
    expect(found.loss).toBeCloseTo(plain.loss, 6);
  });
});
