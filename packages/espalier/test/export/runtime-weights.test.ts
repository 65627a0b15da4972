// The runtime's encoder gives the logits of the toolkit's own forward pass, of every family it computes, pruned or not.
import { createEncoder } from '@espalier/runtime/encoder';
import { describe, expect, it } from 'vitest';
import { runtimeWeights, type RuntimeForm } from '../support/runtime-weights.js';
import { dropLayers } from '../../src/models/layers.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { pruned, ragged, relativeDistance, threeBlocks, toolkitLogits } from '../support/small-models.js';
import { madeUpExamples, randomModel, twoClasses } from '../support/training.js';

const examples = madeUpExamples(12, { longest: 28 });
const largest = { rows: 4, length: 28 };

function runtime(model: Model, form: RuntimeForm): number[][] {
  const encoder = createEncoder(runtimeWeights(model, form), { largest });
  if (!model.tensors.has('qa_outputs.weight')) return encoder.classify(examples).map((row) => [...row]);
  return encoder.spans(examples).map(({ start, end }) => [...start, ...end]);
}

describe.each(['bert', 'roberta', 'distilbert'])('%s', (family) => {
  it.each([
    ['whole', (model: Model) => model],
    ['pruned', pruned],
    ['ragged and pruned', (model: Model) => pruned(ragged(model))],
    ['without a block', (model: Model) => pruned(dropLayers(model, [2]))],
  ])('%s', async (_, change) => {
    const model = change(threeBlocks(family));
    const expected = await toolkitLogits(model, examples);
    // Bounds of the relative distance (L2) of all logits.
    expect(relativeDistance(runtime(model, 'dense'), expected)).toBeLessThan(1e-5);
    expect(relativeDistance(runtime(model, 'f32'), expected)).toBeLessThan(1e-5);
    expect(relativeDistance(runtime(model, 'q15'), expected)).toBeLessThan(1e-3);
    expect(relativeDistance(runtime(model, 'int8'), expected)).toBeLessThan(0.15); // of 16 features, and heads of four
    expect(relativeDistance(runtime(model, 'quads'), expected)).toBeLessThan(0.15);
  });

  it('answers spans', async () => {
    const task = { ...twoClasses, kind: 'span' as const, labels: [], metrics: ['f1'] as const };
    const model = withHead(pruned(threeBlocks(family)), task, 1);
    expect(relativeDistance(runtime(model, 'f32'), await toolkitLogits(model, examples))).toBeLessThan(1e-5);
  });
});

it('refuses a family it does not know', () => {
  const electra = randomModel({ model_type: 'electra', embedding_size: 8 });
  expect(() => runtimeWeights(electra, 'f32')).toThrow(/bert, roberta and distilbert, found electra/);
});
