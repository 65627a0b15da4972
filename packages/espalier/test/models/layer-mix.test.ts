// The head over all blocks, against plain arithmetic on what the blocks give, in every family.
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../src/data/batches.js';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node } from '../../src/graph/node.js';
import { createBuilder } from '../../src/models/builder.js';
import { FAMILIES, familyOf, padSideOf } from '../../src/models/families.js';
import { emptyLayerMix, hasLayerMix } from '../../src/models/layer-mix.js';
import type { Model } from '../../src/models/model.js';
import { headOutputs } from '../../src/models/task-model.js';
import { random } from '../../src/random.js';
import { encoderFeeds, encoderInputs } from '../../src/train/encoder-batch.js';
import { plainWeights } from '../../src/train/predictor.js';
import { taskLogits } from '../../src/train/task-objective.js';
import { madeUpExamples, randomModel } from '../support/training.js';

const bucket = { rows: 3, length: 9 };

function mixed(family: string): Model {
  const model = randomModel({
    model_type: family,
    dim: 8,
    n_layers: 2,
    n_heads: 2,
    hidden_dim: 12,
    d_model: 8,
    n_layer: 2,
    n_head: 2,
    d_head: 4,
    d_inner: 12,
    dropout: 0,
  });
  const generator = random(7, family);
  const head = [...emptyLayerMix(model.config)].map(
    ([name, tensor]) => [name, { ...tensor, data: tensor.data.map(() => generator.normal()) }] as const,
  );
  return { ...model, tensors: new Map([...model.tensors, ...head]) };
}

describe.each(FAMILIES.map(({ name }) => name))('of %s', (family) => {
  it('is a weighted average, a ReLU layer and an output', () => {
    const model = mixed(family);
    expect(hasLayerMix(model)).toBe(true);
    expect(headOutputs(model)).toBe(2);
    const { config, tensors } = model;
    const blocks: Node[] = [];
    const weights = plainWeights(model);
    const builder = createBuilder(bucket, {
      ...weights,
      activation: (node, site) => {
        if (/layer\.\d+\.output$/.test(site)) blocks.push(node);
        return node;
      },
    });
    familyOf(config).encode(builder, config, encoderInputs(bucket), false);
    const logits = taskLogits(createBuilder(bucket, plainWeights(model)), model);
    const feeds = new Map<string, ArrayLike<number>>([
      ...encoderFeeds(
        makeBatch(madeUpExamples(3), bucket.rows, bucket.length, { padId: 0, padSide: padSideOf(config) }),
      ),
      ...[...tensors].map(([name, { data }]) => [`weight:${name}`, data] as const),
    ]);
    const [found, ...outputs] = evaluate([logits, ...blocks], feeds);
    expect(outputs).toHaveLength(2);

    const of = (name: string): Float32Array => tensors.get(`layer_mix.${name}`)!.data;
    const powers = [...of('scores')].map(Math.exp);
    const shares = powers.map((power) => power / powers.reduce((a, b) => a + b, 0));
    const layer = (x: number[], name: string): number[] =>
      [...of(`${name}.bias`)].map((bias, row) =>
        x.reduce((sum, value, i) => sum + value * of(`${name}.weight`)[row * x.length + i]!, bias),
      );
    for (let row = 0; row < bucket.rows; row++) {
      const width = config.hidden_size;
      const first = familyOf(config).head.summary === 'first' ? 0 : (bucket.length - 1) * bucket.rows;
      const average = Array.from({ length: width }, (_, i) =>
        shares.reduce(
          (sum, share, block) => sum + share * outputs[block]!.data[(first + row) * width + i]!,
          0,
        ),
      );
      const hidden = layer(average, 'dense').map((value) => Math.max(0, value));
      const expected = layer(hidden, 'output');
      for (const [label, value] of expected.entries())
        expect(found!.data[row * 2 + label], `row ${row}, label ${label}`).toBeCloseTo(value, 6);
    }
  });
});
