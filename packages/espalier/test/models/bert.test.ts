// BERT's forward pass against logits that PyTorch stored beside real and random weights, and its f64 twin.
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../src/data/batches.js';
import type { Example } from '../../src/data/example.js';
import { createSession, type FeedArray } from '../../src/engine/session.js';
import { evaluate } from '../../src/graph/evaluate.js';
import { input } from '../../src/graph/program.js';
import { encodeBlocks, pool } from '../../src/models/bert.js';
import { createBuilder } from '../../src/models/builder.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { classifierHead } from '../../src/models/heads.js';
import type { Model } from '../../src/models/model.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { createPredictor, plainWeights } from '../../src/train/predictor.js';
import { encoderFeeds } from '../../src/train/encoder-batch.js';
import { taskLogits } from '../../src/train/task-objective.js';
import { dataPath, describeWithData } from '../support/data.js';
import { madeUpExamples, randomModel } from '../support/training.js';

const expectNear = (found: ArrayLike<number>, expected: ArrayLike<unknown>, tolerance: number): void => {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < found.length; i++) {
    expect(Math.abs(found[i]! - Number(expected[i])), `value ${i}`).toBeLessThan(tolerance);
  }
};

/** A feed for each weight input among `names`. */
const weightFeeds = (model: Model, names: Iterable<string>): [string, FeedArray][] =>
  [...names]
    .filter((name) => name.startsWith('weight:'))
    .map((name) => [name, model.tensors.get(name.slice('weight:'.length))!.data]);

const RANDOM = 'weights/tiny-random/bert';
describeWithData('a random BERT of five layers', [RANDOM], () => {
  it('has the logits of PyTorch', async () => {
    const model = await loadCheckpoint(dataPath(RANDOM));
    const { tensors } = await readSafetensors(dataPath(RANDOM, 'reference.safetensors'));
    const [rows, length] = tensors.get('input_ids')!.shape as [number, number];
    const mask = tensors.get('attention_mask')!.data;
    const examples = Array.from({ length: rows }, (_, index): Example => {
      const at = index * length;
      const count = Array.from(mask.slice(at, at + length), Number).filter((bit) => bit === 1).length;
      const ids = Int32Array.from(tensors.get('input_ids')!.data.slice(at, at + count), Number);
      return { index, ids, typeIds: new Uint8Array(count), label: 0 };
    });
    const predictor = createPredictor({ model, threads: 2, device: 'cpu', padId: 0 });
    const logits = await predictor.logits(examples);
    await predictor.release();
    expectNear(
      logits.flatMap((row) => [...row]),
      tensors.get('logits')!.data,
      1e-5,
    );
  });
});

const REAL = 'weights/bert-tiny-sst2-encoder-only';
describeWithData('the real BERT-tiny, from its embedding outputs on', [REAL], () => {
  it.each([true, false])(
    'has the logits of PyTorch (first token only in the last block: %s)',
    async (first) => {
      const model = await loadCheckpoint(dataPath(REAL), { requireEmbeddings: false });
      const { tensors } = await readSafetensors(dataPath(REAL, 'reference.safetensors'));
      const inputs = [...tensors].filter(([name]) => name.endsWith('__embedding_output'));
      expect(inputs.length).toBeGreaterThan(5);
      for (const [name, { shape, data }] of inputs) {
        const bucket = { rows: 1, length: shape[0]! };
        const b = createBuilder(bucket, plainWeights(model));
        const x = input('x', shape);
        const sequence = encodeBlocks(b, model.config, x, input('bias', [1, bucket.length]), first);
        const node = classifierHead(b, model.config, pool(b, sequence));
        const session = await createSession([{ name: 'logits', node }]);
        const logits = new Float32Array(2);
        const feeds = new Map<string, FeedArray>([
          ['x', data as Float32Array],
          ['bias', new Float32Array(bucket.length)],
          ...weightFeeds(model, session.inputs.keys()),
        ]);
        await session.run(feeds, new Map([['logits', logits]]));
        await session.release();
        const expected = tensors.get(name.replace('__embedding_output', '__logits_exact_layernorm'))!;
        expectNear(logits, expected.data, 1e-5);
      }
    },
  );
});

describe('BERT', () => {
  it('gives the logits of its f64 twin, whatever the padding', async () => {
    const model = randomModel({ hidden_size: 12, num_attention_heads: 3 });
    const examples = madeUpExamples(3);
    const bucket = { rows: 3, length: 9 };
    const graph = taskLogits(createBuilder(bucket, plainWeights(model)), model);
    const feeds = new Map<string, ArrayLike<number>>([
      ...encoderFeeds(makeBatch(examples, bucket.rows, bucket.length, { padId: 0 })),
      ...[...model.tensors].map(([name, { data }]) => [`weight:${name}`, data] as const),
    ]);
    const [twin] = evaluate([graph], feeds);
    const predictor = createPredictor({ model, threads: 2, device: 'cpu', padId: 0, rows: 4 });
    const logits = await predictor.logits(examples);
    await predictor.release();
    expectNear(
      logits.flatMap((row) => [...row]),
      twin!.data,
      1e-5,
    );
  });
});
