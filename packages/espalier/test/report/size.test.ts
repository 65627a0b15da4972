// Sizes by what is counted: the golden numbers of Prune Once for All's "40x", and a model counted by hand.
import { describe, expect, it } from 'vitest';
import { measureSparsity } from '../../src/report/report.js';
import { measureSize, sizeRatios } from '../../src/report/size.js';
import { parseConfig } from '../../src/models/config.js';
import { familyOf } from '../../src/models/families.js';
import { randomBert } from '../../src/models/initialise.js';
import { sizeOf } from '../../src/tensor/tensor.js';
import { tinyBert } from '../support/cli.js';

describe('BERT-base, 90 % of the encoder zero', () => {
  const weights = 84_934_656;
  const nonzero = weights / 10;
  const dense = 4 * weights;

  it('in int8: 40x by values, 17.8x with a bitmap, 13.3x with 16-bit columns', () => {
    const { values, bitmap, indices } = sizeRatios(dense, { weights, nonzero }, 1);
    expect(values).toBeCloseTo(40, 9);
    expect(bitmap).toBeCloseTo(17.8, 1);
    expect(indices).toBeCloseTo(13.3, 1);
    expect(dense / values / 1e6).toBeCloseTo(8.49, 2);
  });

  it('in float32: 10x by values', () => {
    const { values, bitmap, indices } = sizeRatios(dense, { weights, nonzero }, 4);
    expect(values).toBeCloseTo(10, 9);
    expect(bitmap).toBeCloseTo(32 / (3.2 + 1), 9);
    expect(indices).toBeCloseTo(32 / 4.8, 9);
  });

  it('leaves 30.2 % of all parameters', () => {
    const config = parseConfig({ model_type: 'bert' }, 'config.json');
    const shapes = ['embeddings', 'encoder', 'pooler'] as const;
    const all = shapes.flatMap((part) => [...familyOf(config).tensors(config).get(part)!]);
    const total = all.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
    expect(total).toBe(109_482_240);
    expect((total - weights + nonzero) / total).toBeCloseTo(0.302, 3);
  });
});

it('counts encoder matrices sparse, tables in int8 whole, vectors in float32', () => {
  const model = randomBert(tinyBert, 1);
  for (const [name, { data }] of model.tensors) {
    if (!/layer.*(query|key|value|dense)\.weight$/.test(name)) continue;
    data.fill(0, 0, 0.75 * data.length);
  }
  const encoder = 2 * (4 * 16 * 16 + 2 * 16 * 32);
  const values = [...model.tensors].reduce((sum, [, { data }]) => sum + data.length, 0);
  const matrices = (13 + 24 + 2) * 16 + 16 * 16; // three tables and the pooler
  const vectors = values - encoder - matrices;
  const { total, nonzero, ...sparsity } = measureSparsity(model, null);
  const size = measureSize(model, { matrices: sparsity.matrices, nonzero }, 1000);
  const zeros = 0.75 * encoder;
  expect(size.encoder.denseF32).toBe(4 * encoder);
  expect(size.encoder.int8.values).toBeCloseTo(16, 9);
  expect(size.model.denseF32).toBe(4 * total);
  expect(size.model.gzip).toBe((4 * total) / 1000);
  expect(size.model.density).toBe(nonzero / total);
  expect(size.model.f32.values).toBeCloseTo((4 * values) / (4 * (values - zeros)), 9);
  const int8 = encoder / 4 + matrices + 4 * vectors;
  expect(size.model.int8.values).toBeCloseTo((4 * values) / int8, 9);
  expect(size.model.int8.bitmap).toBeCloseTo((4 * values) / (int8 + encoder / 8), 9);
  expect(size.model.int8.indices).toBeCloseTo((4 * values) / (int8 + encoder / 2), 9);
});
