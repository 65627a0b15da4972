// BERT's forward pass against logits that PyTorch stored beside real and random weights, and its f64 twin.
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../src/data/batches.js';
import { createSession, type FeedArray } from '../../src/engine/session.js';
import { evaluate } from '../../src/graph/evaluate.js';
import { input } from '../../src/graph/program.js';
import { bert } from '../../src/models/bert.js';
import { bertBlocks, encodeBlocks } from '../../src/models/blocks.js';
import { createBuilder } from '../../src/models/builder.js';
import { loadCheckpoint } from '../../src/models/checkpoint.js';
import { classifierHead } from '../../src/models/heads.js';
import type { Model } from '../../src/models/model.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { createPredictor, plainWeights } from '../../src/train/predictor.js';
import { encoderFeeds } from '../../src/train/encoder-batch.js';
import { taskLogits } from '../../src/train/task-objective.js';
import { dataPath, describeWithData } from '../support/data.js';
import { expectNear } from '../support/near.js';
import { madeUpExamples, randomModel } from '../support/training.js';

/** A feed for each weight input among `names`. */
const weightFeeds = (model: Model, names: Iterable<string>): [string, FeedArray][] =>
  [...names]
    .filter((name) => name.startsWith('weight:'))
    .map((name) => [name, model.tensors.get(name.slice('weight:'.length))!.data]);

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
        const bias = input('bias', [1, bucket.length]);
        const blocks = bertBlocks('bert.encoder.layer.');
        const sequence = encodeBlocks(b, model.config, blocks, { x, bias }, first);
        const node = classifierHead(b, model.config, bert.head, sequence);
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
