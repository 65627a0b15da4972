// Calibration without training: ranges of the f64 twin's activations under each observer, and a model that runs.
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../src/data/batches.js';
import { UsageError } from '../../src/errors.js';
import { calibrate, OBSERVERS } from '../../src/export/calibrate.js';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node } from '../../src/graph/node.js';
import { createBuilder } from '../../src/models/builder.js';
import { affineRange, largestMagnitudes, symmetricScale } from '../../src/models/int8.js';
import type { AffineRange } from '../../src/models/quantisation.js';
import { encoderFeeds } from '../../src/train/encoder-batch.js';
import { createPredictor, plainWeights } from '../../src/train/predictor.js';
import { taskLogits } from '../../src/train/task-objective.js';
import { madeUpExamples, randomModel } from '../support/training.js';

const model = randomModel();
const examples = madeUpExamples(40);
const WIDE = 'bert.encoder.layer.0.intermediate.dense';
const options = { weights: 'per-tensor', observer: 'minmax', threads: 1 } as const;

/** Values at a site in each batch of 16 examples, padded to 16 tokens, sorted. */
function siteValues(wanted: string): number[][] {
  return [0, 16, 32].map((start) => {
    const part = examples.slice(start, start + 16);
    const seen: Node[] = [];
    const activation = (node: Node, site: string): Node => {
      if (site === wanted) seen.push(node);
      return node;
    };
    const bucket = { rows: part.length, length: 16 };
    taskLogits(createBuilder(bucket, { ...plainWeights(model), activation }), model);
    const feeds = new Map<string, ArrayLike<number>>([
      ...encoderFeeds(makeBatch(part, part.length, 16, { padId: 0 })),
      ...[...model.tensors].map(([name, { data }]) => [`weight:${name}`, data] as const),
    ]);
    return [...evaluate(seen, feeds)[0]!.data].sort((a, b) => a - b);
  });
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

/** What each observer makes of sorted batches. */
const EXPECTED: Record<(typeof OBSERVERS)[number], (batches: number[][]) => AffineRange> = {
  minmax: (batches) => affineRange(Math.min(...batches.flat()), Math.max(...batches.flat())),
  'moving-average': (batches) => {
    const moving = (pick: (batch: number[]) => number): number => {
      const [first, ...others] = batches.map(pick);
      return others.reduce((average, value) => 0.99 * average + 0.01 * value, first!);
    };
    return affineRange(
      moving((batch) => batch[0]!),
      moving((batch) => batch.at(-1)!),
    );
  },
  // The first of 10,000 sorted values stays out on either side; a batch here has 1,000 to 4,000: none does.
  percentile: (batches) =>
    affineRange(mean(batches.map((batch) => batch[0]!)), mean(batches.map((batch) => batch.at(-1)!))),
};

describe.each(OBSERVERS)('%s', (observer) => {
  it.each(['input', 'output'] as const)('takes the range of the twin, of an %s', async (end) => {
    const { layers } = await calibrate(model, examples, { ...options, observer });
    const expected = EXPECTED[observer](siteValues(`${WIDE}.${end}`));
    const found = layers[WIDE]![end]!;
    expect(found.scale / expected.scale).toBeCloseTo(1, 5);
    expect(found.zeroPoint).toBe(expected.zeroPoint);
  });

  it('gives a model whose logits are near those of the float one', async () => {
    const quantisation = await calibrate(model, examples, { ...options, weights: 'per-channel', observer });
    const rows = await Promise.all(
      [model, { ...model, quantisation }].map(async (one) => {
        const predictor = createPredictor({ model: one, threads: 1, device: 'cpu', padId: 0 });
        const logits = await predictor.logits(examples);
        await predictor.release();
        return logits.flatMap((row) => [...row]);
      }),
    );
    const [plain, quantised] = [rows[0]!, rows[1]!];
    const error = Math.sqrt(mean(plain.map((value, i) => (value - quantised[i]!) ** 2)));
    const centre = mean(plain);
    const deviation = Math.sqrt(mean(plain.map((value) => (value - centre) ** 2)));
    expect(error / deviation).toBeGreaterThan(0);
    expect(error / deviation).toBeLessThan(0.1);
  });
});

it('percentile leaves out one value in ten thousand on either side', async () => {
  // A wide layer: 16 rows of 16 tokens and 160 units, 40,960 values, of which 4 stay out.
  const wide = randomModel({ intermediate_size: 160, num_hidden_layers: 2 });
  const ranges = await Promise.all(
    (['minmax', 'percentile'] as const).map(async (observer) => {
      const { layers } = await calibrate(wide, examples.slice(0, 16), { ...options, observer });
      return layers[WIDE]!.output!;
    }),
  );
  expect(ranges[1]!.scale).toBeLessThan(ranges[0]!.scale);
  expect(ranges[1]!.scale).toBeGreaterThan(ranges[0]!.scale / 2);
});

it('takes scales of weights and tables from their largest values', async () => {
  const { layers, tables } = await calibrate(model, examples.slice(0, 2), {
    ...options,
    weights: 'per-channel',
    embeddings: true,
  });
  const { data, shape } = model.tensors.get(`${WIDE}.weight`)!;
  expect(layers[WIDE]!.weightScales).toEqual(largestMagnitudes(data, shape[0]!).map(symmetricScale));
  expect(Object.keys(tables).map((name) => name.split('.')[2])).toEqual([
    'word_embeddings',
    'position_embeddings',
    'token_type_embeddings',
  ]);
  expect(Object.keys(layers)).toHaveLength(13);
  expect(layers['bert.encoder.layer.0.attention.self.value']!.output).toBeUndefined();
});

it('leaves out a head that does not run', async () => {
  const name = 'cls.predictions.transform.dense.weight';
  const tensor = { dtype: 'F32', shape: [8, 8], data: new Float32Array(64) } as const;
  const withHead = { ...model, tensors: new Map(model.tensors).set(name, tensor) };
  const { layers } = await calibrate(withHead, examples.slice(0, 2), { ...options, names: 'dense.weight$' });
  expect(Object.keys(layers)).toHaveLength(7);
});

it('refuses to calibrate on nothing', async () => {
  await expect(calibrate(model, [], options)).rejects.toThrow(UsageError);
});
