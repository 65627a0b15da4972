// Evaluation during training sees what the methods make of the weights.
import { expect, it } from 'vitest';
import { mul } from '../../src/graph/ops/index.js';
import type { MethodHooks } from '../../src/methods/method.js';
import { createPredictor } from '../../src/train/predictor.js';
import { madeUpExamples, randomModel, trainerOf } from '../support/training.js';

it('the forward pass goes through the weight hooks, feeds included', async () => {
  const model = randomModel();
  const examples = madeUpExamples(5);
  const factor: MethodHooks = {
    build: (graph) => ({
      weight: (node, name) =>
        name === 'classifier.weight'
          ? mul(
              node,
              graph.feed('factor', [1, 1], () => [0]),
            )
          : node,
    }),
  };
  const trainer = trainerOf({ model, examples, methods: [factor] });
  const options = { model, threads: 1, device: 'cpu', padId: 0 } as const;
  const predictor = createPredictor({ ...options, source: trainer.forward });
  const bias = trainer.weight('classifier.bias');
  for (const row of await predictor.logits(examples)) expect(row).toEqual(bias);
  const plain = createPredictor(options);
  expect((await plain.logits(examples))[0]).not.toEqual(bias);
  await predictor.release();
  await plain.release();
  await trainer.release();
});
