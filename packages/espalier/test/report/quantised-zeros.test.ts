// How many weights int8 rounds to zero, by hand and against the definition.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { toInt8 } from '../../src/models/int8.js';
import type { Model } from '../../src/models/model.js';
import { quantisedZeros } from '../../src/report/quantised-zeros.js';
import { randomModel } from '../support/training.js';

const LAYER = 'bert.encoder.layer.0.attention.self.query'; // [8, 8]
const TABLE = 'bert.embeddings.token_type_embeddings.weight'; // [2, 8]
const input = { scale: 1, zeroPoint: 0 };

function quantised(weights: readonly number[], weightScales: readonly number[]): Model {
  const model = randomModel({ num_hidden_layers: 1 });
  model.tensors.get(`${LAYER}.weight`)!.data.set(weights);
  model.tensors.get(TABLE)!.data.fill(0).set([0.4, 0.6, -0.5]);
  const quantisation = {
    layers: { [LAYER]: { weightScales, input } },
    tables: { [TABLE]: { scales: [1, 1] } },
  };
  return { ...model, quantisation };
}

it('counts non-zeros that become zero, by matrix and in all', () => {
  const weights = new Array<number>(64).fill(0);
  weights.splice(0, 5, 0.5, -0.5, 0.51, 1, 1e-20); // of scale 1: three become zero
  weights.splice(8, 2, 0.5, 0.51); // of scale 2: both
  const scales = [1, 2, 1, 1, 1, 1, 1, 1];
  expect(quantisedZeros(quantised(weights, scales))).toEqual({
    weights: 80,
    nonzero: 10,
    rounded: 7,
    matrices: { [`${LAYER}.weight`]: 5, [TABLE]: 2 },
  });
  expect(quantisedZeros(randomModel())).toBeUndefined();
});

it('zeros of int8 are those of float32 and those it counts: none becomes non-zero', () => {
  const weight = fc.oneof(fc.constant(0), fc.float({ min: -3, max: 3, noNaN: true }));
  fc.assert(
    fc.property(
      fc.array(weight, { minLength: 64, maxLength: 64 }),
      fc.array(fc.float({ min: Math.fround(0.01), max: 2, noNaN: true }), { minLength: 8, maxLength: 8 }),
      (weights, scales) => {
        const counted = quantisedZeros(quantised(weights, scales))!.matrices[`${LAYER}.weight`]!;
        const int8 = toInt8(Float32Array.from(weights), scales);
        const zeros = weights.filter((w) => w === 0).length;
        expect(int8.filter((q) => q === 0)).toHaveLength(zeros + counted);
        for (const [i, w] of weights.entries()) if (w === 0) expect(int8[i]).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});
