// Models of three small blocks in every shape that the runtime computes, and how far its logits are from the toolkit's.
import { expect } from 'vitest';
import type { Example } from '../../src/data/example.js';
import { familyOf } from '../../src/models/families.js';
import { groupsOf, keepGroups } from '../../src/models/groups.js';
import type { Model } from '../../src/models/model.js';
import { withStructure } from '../../src/models/structure.js';
import { f32 } from '../../src/tensor/tensor.js';
import { createPredictor } from '../../src/train/predictor.js';
import { randomModel } from './training.js';

/** Three blocks of four heads. */
export const threeBlocks = (family: string, config: object = {}): Model =>
  randomModel({
    ...(family === 'distilbert' && { dim: 16, n_layers: 3, n_heads: 4, hidden_dim: 24 }),
    ...(family !== 'distilbert' && { hidden_size: 16, num_hidden_layers: 3, num_attention_heads: 4 }),
    ...(family !== 'distilbert' && { intermediate_size: 24 }),
    ...(family === 'roberta' && { pad_token_id: 1, max_position_embeddings: 34, type_vocab_size: 1 }),
    model_type: family,
    ...config,
  });

/** Two of three weights of the encoder are zero: whole blocks of 1x4. */
export function pruned(model: Model): Model {
  const { encoderLinear } = familyOf(model.config);
  const tensors = [...model.tensors].map(([name, tensor]) => {
    if (!encoderLinear.test(name)) return [name, tensor] as const;
    const data = Float32Array.from(tensor.data, (value, i) => ((i >> 2) % 3 === 1 ? value : 0));
    return [name, f32(tensor.shape, data)] as const;
  });
  return { ...model, tensors: new Map(tensors) };
}

/** Without some heads and neurons, all of them in two places. */
export function ragged(model: Model): Model {
  const tensors = new Map(model.tensors);
  const groups = groupsOf(familyOf(model.config).blocks!, model.config);
  const kept = { heads: [[1, 3], [], [0]], neurons: [[0, 3, 4, 5, 9], [7, 8], []] };
  for (const kind of ['heads', 'neurons'] as const)
    groups[kind].forEach((of, block) => keepGroups(tensors, of, kept[kind][block]!));
  const counts = (kind: 'heads' | 'neurons'): number[] => kept[kind].map(({ length }) => length);
  const structure = { heads: counts('heads'), neurons: counts('neurons') };
  return { ...model, tensors, config: withStructure(model.config, structure) };
}

/** Logits of each example, by the toolkit. */
export async function toolkitLogits(model: Model, of: readonly Example[]): Promise<number[][]> {
  const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: 1, rows: 4 });
  const logits = await predictor.logits(of);
  await predictor.release();
  return logits.map((row) => [...row]);
}

/** Of all logits, L2. */
export function relativeDistance(found: readonly number[][], expected: readonly number[][]): number {
  const [a, b] = [found.flat(), expected.flat()];
  expect(a).toHaveLength(b.length);
  return Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b);
}
