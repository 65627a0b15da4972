// The pruning methods on a family whose matrices of attention have three axes and no `.weight` in their names.
import { describe, expect, it } from 'vitest';
import { zeroFraction } from '../../src/engine/pattern.js';
import { methodNamed } from '../../src/methods/index.js';
import type { Model } from '../../src/models/model.js';
import { randomModel, trainerOf } from '../support/training.js';

const MATRICES = ['rel_attn.q', 'rel_attn.k', 'rel_attn.v', 'rel_attn.o', 'rel_attn.r'].concat([
  'ff.layer_1.weight',
  'ff.layer_2.weight',
]);

const small = (): Model => randomModel({ model_type: 'xlnet', num_hidden_layers: 1, classifier_dropout: 0 });

/** Trains with a method to the end; zero fractions of the seven matrices and of all that is not one. */
async function trained(
  model: Model,
  name: string,
  options: object,
): Promise<{ matrices: number[]; others: number }> {
  const trainer = trainerOf({ model, steps: 8, methods: [methodNamed(name).create(options)] });
  while (trainer.done < trainer.stage.steps) await trainer.step();
  await trainer.finishStage();
  await trainer.release();
  const names = MATRICES.map((matrix) => `transformer.layer.0.${matrix}`);
  const others = trainer.stage.tensors
    .map((tensor) => tensor.name)
    .filter((tensor) => !names.includes(tensor));
  return {
    matrices: names.map((matrix) => zeroFraction([trainer.weight(matrix)])),
    others: zeroFraction(others.map((tensor) => trainer.weight(tensor))),
  };
}

describe('pruning XLNet', () => {
  it.each(['magnitude', 'nip', 'prune-once'])(
    '%s reaches its sparsity in each of the seven',
    async (name) => {
      const { matrices, others } = await trained(small(), name, { sparsity: 0.5 });
      expect(matrices).toEqual(MATRICES.map(() => 0.5));
      expect(others).toBeLessThan(0.05);
    },
  );

  it('rpp makes zeros in each of the seven, and nowhere else', async () => {
    const { matrices, others } = await trained(small(), 'rpp', { sparsity: 0.5, gamma: 4 });
    expect(Math.min(...matrices)).toBeGreaterThan(0.1);
    expect(others).toBeLessThan(0.05);
  });

  it('lock keeps the zeros there are', async () => {
    const model = small();
    for (const matrix of MATRICES) {
      const { data } = model.tensors.get(`transformer.layer.0.${matrix}`)!;
      data.fill(0, 0, data.length / 4);
    }
    const { matrices } = await trained(model, 'lock', {});
    expect(matrices).toEqual(MATRICES.map(() => 0.25));
  });
});
