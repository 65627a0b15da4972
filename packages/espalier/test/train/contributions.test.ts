// Contribution scores: those of transformers' hidden states, in whatever batches the texts come, and of a block that
// adds nothing (C.7).
import { describe, expect, it } from 'vitest';
import { dropLayers, highestScores } from '../../src/models/layers.js';
import type { Model } from '../../src/models/model.js';
import { contributions } from '../../src/train/contributions.js';
import { DROPPED_FAMILIES, droppedGolden } from '../support/dropped.js';
import { expectNear } from '../support/near.js';
import { madeUpExamples, randomModel } from '../support/training.js';

const compute = { threads: 1, device: 'cpu' } as const;

it.each(DROPPED_FAMILIES)('%s: equal those of the hidden states of transformers', async (family) => {
  const golden = await droppedGolden(family);
  expectNear(await contributions(golden.model, golden, compute), golden.contributions, 1e-5);
});

it('are means over texts, of all lengths and however many there are', async () => {
  const model = randomModel({ num_hidden_layers: 3 });
  const examples = madeUpExamples(35, { longest: 30 });
  const whole = await contributions(model, { examples, padId: 0 }, compute);
  const single = await Promise.all(
    examples.map((example) => contributions(model, { examples: [example], padId: 7 }, compute)),
  );
  const means = whole.map((_, block) => single.reduce((sum, scores) => sum + scores[block]!, 0) / 35);
  expectNear(whole, means, 1e-6);
  expect(new Set(single.map(([first]) => first)).size).toBeGreaterThan(30);
});

it('need texts', async () => {
  await expect(contributions(randomModel(), { examples: [], padId: 0 }, compute)).rejects.toThrow(
    'contribution scores: expected texts, found none',
  );
});

describe('a block whose attention and wide layer add nothing', () => {
  /** The model whose block `block` (from 0) only normalises: twice, with this gain. */
  function idle(block: number, gain: (index: number) => number): Model {
    const model = randomModel({ num_hidden_layers: 4 });
    for (const [name, { data }] of model.tensors) {
      if (name.includes(`layer.${block}.`) && /output\.dense/.test(name)) data.fill(0);
      if (/LayerNorm\.bias/.test(name)) data.fill(0);
      if (/LayerNorm\.weight/.test(name)) for (let i = 0; i < data.length; i++) data[i] = gain(i);
    }
    return model;
  }
  const sample = { examples: madeUpExamples(20), padId: 0 };

  it.each([0, 1, 3])(
    'scores 1 where LayerNorm is trivial (block %i), and is the one to go',
    async (block) => {
      const model = idle(block, () => 1);
      const scores = await contributions(model, sample, compute);
      expect(scores[block]).toBeCloseTo(1, 5);
      expect(scores.filter((score) => score > 0.999)).toHaveLength(1);
      expect(highestScores(scores, 1)).toEqual([block + 1]);
      // It did nothing, so the others are to score the same without it.
      const others = await contributions(dropLayers(model, [block + 1]), sample, compute);
      expectNear(others, scores.toSpliced(block, 1), 1e-4);
    },
  );

  it('scores nearly 1 where LayerNorm has gains, since it still applies two', async () => {
    const scores = await contributions(
      idle(1, (index) => 1 + 0.1 * Math.sin(index)),
      sample,
      compute,
    );
    expect(scores[1]).toBeGreaterThan(0.98);
    expect(scores[1]).toBeLessThan(0.99999);
    expect(highestScores(scores, 1)).toEqual([2]);
  });
});
