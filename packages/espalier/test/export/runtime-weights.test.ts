// The runtime's encoder gives the logits of the toolkit's own forward pass, of every family it computes, pruned or not.
import { createEncoder } from '@espalier/runtime/encoder';
import { describe, expect, it } from 'vitest';
import type { Example } from '../../src/data/example.js';
import { runtimeWeights, type RuntimeForm } from '../../src/export/runtime-weights.js';
import { familyOf } from '../../src/models/families.js';
import { groupsOf, keepGroups } from '../../src/models/groups.js';
import { dropLayers } from '../../src/models/layers.js';
import type { Model } from '../../src/models/model.js';
import { withStructure } from '../../src/models/structure.js';
import { withHead } from '../../src/models/task-model.js';
import { f32 } from '../../src/tensor/tensor.js';
import { createPredictor } from '../../src/train/predictor.js';
import { madeUpExamples, randomModel, twoClasses } from '../support/training.js';

const examples = madeUpExamples(12, { longest: 28 });
const largest = { rows: 4, length: 28 };

/** Three blocks of four heads. */
const whole = (family: string): Model =>
  randomModel({
    ...(family === 'distilbert' && { dim: 16, n_layers: 3, n_heads: 4, hidden_dim: 24 }),
    ...(family !== 'distilbert' && { hidden_size: 16, num_hidden_layers: 3, num_attention_heads: 4 }),
    ...(family !== 'distilbert' && { intermediate_size: 24 }),
    ...(family === 'roberta' && { pad_token_id: 1, max_position_embeddings: 34, type_vocab_size: 1 }),
    model_type: family,
  });

/** Two of three weights of the encoder are zero: whole blocks of 1x4. */
function pruned(model: Model): Model {
  const { encoderLinear } = familyOf(model.config);
  const tensors = [...model.tensors].map(([name, tensor]) => {
    if (!encoderLinear.test(name)) return [name, tensor] as const;
    const data = Float32Array.from(tensor.data, (value, i) => ((i >> 2) % 3 === 1 ? value : 0));
    return [name, f32(tensor.shape, data)] as const;
  });
  return { ...model, tensors: new Map(tensors) };
}

/** Without some heads and neurons, all of them in two places. */
function ragged(model: Model): Model {
  const tensors = new Map(model.tensors);
  const groups = groupsOf(familyOf(model.config).blocks!, model.config);
  const kept = { heads: [[1, 3], [], [0]], neurons: [[0, 3, 4, 5, 9], [7, 8], []] };
  for (const kind of ['heads', 'neurons'] as const)
    groups[kind].forEach((of, block) => keepGroups(tensors, of, kept[kind][block]!));
  const counts = (kind: 'heads' | 'neurons'): number[] => kept[kind].map(({ length }) => length);
  const structure = { heads: counts('heads'), neurons: counts('neurons') };
  return { ...model, tensors, config: withStructure(model.config, structure) };
}

async function toolkit(model: Model, of: readonly Example[] = examples): Promise<number[][]> {
  const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: 1, rows: 4 });
  const logits = await predictor.logits(of);
  await predictor.release();
  return logits.map((row) => [...row]);
}

function runtime(model: Model, form: RuntimeForm): number[][] {
  const encoder = createEncoder(runtimeWeights(model, form), { largest });
  if (!model.tensors.has('qa_outputs.weight')) return encoder.classify(examples).map((row) => [...row]);
  return encoder.spans(examples).map(({ start, end }) => [...start, ...end]);
}

function relativeDistance(found: readonly number[][], expected: readonly number[][]): number {
  const [a, b] = [found.flat(), expected.flat()];
  expect(a).toHaveLength(b.length);
  return Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b);
}

describe.each(['bert', 'roberta', 'distilbert'])('%s', (family) => {
  it.each([
    ['whole', (model: Model) => model],
    ['pruned', pruned],
    ['ragged and pruned', (model: Model) => pruned(ragged(model))],
    ['without a block', (model: Model) => pruned(dropLayers(model, [2]))],
  ])('%s', async (_, change) => {
    const model = change(whole(family));
    const expected = await toolkit(model);
    // Bounds of the relative distance (L2) of all logits.
    expect(relativeDistance(runtime(model, 'dense'), expected)).toBeLessThan(1e-5);
    expect(relativeDistance(runtime(model, 'f32'), expected)).toBeLessThan(1e-5);
    expect(relativeDistance(runtime(model, 'q15'), expected)).toBeLessThan(1e-3);
    expect(relativeDistance(runtime(model, 'int8'), expected)).toBeLessThan(0.1);
  });

  it('answers spans', async () => {
    const task = { ...twoClasses, kind: 'span' as const, labels: [], metrics: ['f1'] as const };
    const model = withHead(pruned(whole(family)), task, 1);
    expect(relativeDistance(runtime(model, 'f32'), await toolkit(model))).toBeLessThan(1e-5);
  });
});

it('refuses a family it does not know', () => {
  const electra = randomModel({ model_type: 'electra', embedding_size: 8 });
  expect(() => runtimeWeights(electra, 'f32')).toThrow(/bert, roberta and distilbert, found electra/);
});
