// A model without some layers computes what the others compute: by hand, block after block, and in transformers with
// the same layers deleted.
import { beforeAll, describe, expect, it } from 'vitest';
import { makeBatch } from '../../src/data/batches.js';
import type { Node } from '../../src/graph/node.js';
import { bertBlocks, embed, encodeBlocks } from '../../src/models/blocks.js';
import { type Builder, createBuilder } from '../../src/models/builder.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { familyOf } from '../../src/models/families.js';
import { classifierHead } from '../../src/models/heads.js';
import { dropLayers } from '../../src/models/layers.js';
import type { Model } from '../../src/models/model.js';
import { encoderFeeds, encoderInputs } from '../../src/train/encoder-batch.js';
import { createForward } from '../../src/train/forward.js';
import { createPredictor, modelFeed, plainWeights } from '../../src/train/predictor.js';
import { taskLogits } from '../../src/train/task-objective.js';
import { DROPPED_FAMILIES, type DroppedGolden, droppedGolden } from '../support/dropped.js';
import { expectNear } from '../support/near.js';
import { temporaryFolder } from '../support/temporary.js';
import { madeUpExamples, randomModel } from '../support/training.js';

const path = temporaryFolder();

describe('by hand', () => {
  const four = randomModel({ num_hidden_layers: 4 });
  const PREFIX = 'bert.encoder.layer.';
  const bucket = { rows: 3, length: 9 };

  /** The whole model's weights, of which the first block is `block`. */
  function seeing(block: number): Builder {
    const plain = plainWeights(four);
    const there = (name: string): string => name.replace(`${PREFIX}0.`, `${PREFIX}${block}.`);
    return createBuilder(bucket, {
      ...plain,
      has: (name) => plain.has(there(name)),
      shape: (name) => plain.shape(there(name)),
      weight: (name) => plain.weight(there(name)),
    });
  }

  async function logits(model: Model, node: Node): Promise<Float32Array> {
    const source = { outputs: () => [{ name: 'logits', node }], feed: modelFeed(model) };
    const forward = createForward(source, { threads: 1, device: 'cpu' });
    const feeds = encoderFeeds(makeBatch(madeUpExamples(3), 3, 9, { padId: 0 }));
    const results = await forward.run(bucket, feeds);
    await forward.release();
    return results.get('logits')!;
  }

  it.each([[[3, 4]], [[1, 2]], [[2, 4]], [[1, 3]], [[2, 3]], [[1, 2, 3]]])(
    'without %j, bit for bit',
    async (dropped) => {
      const kept = [0, 1, 2, 3].filter((block) => !dropped.includes(block + 1));
      const { config } = four;
      const { ids, typeIds, bias } = encoderInputs(bucket);
      const types = seeing(0).rows('bert.embeddings.token_type_embeddings.weight', typeIds);
      let x = embed(seeing(0), config, { name: 'bert.embeddings', ids, types });
      for (const block of kept) {
        const one = { ...config, num_hidden_layers: 1 };
        x = encodeBlocks(seeing(block), one, bertBlocks(PREFIX), { x, bias }, block === kept.at(-1));
      }
      const byHand = classifierHead(seeing(0), config, familyOf(config).head, x);

      const smaller = dropLayers(four, dropped);
      const built = taskLogits(createBuilder(bucket, plainWeights(smaller)), smaller);
      expect(await logits(smaller, built)).toEqual(await logits(four, byHand));
    },
  );
});

describe.each(DROPPED_FAMILIES)('%s', (family) => {
  let golden: DroppedGolden;
  beforeAll(async () => {
    golden = await droppedGolden(family);
  });

  it('has the logits of transformers with the same layers deleted, also after a folder', async () => {
    const { model, examples, padId, logits } = golden;
    expect(logits).toHaveLength(11);
    for (const [layers, expected] of logits) {
      const folder = path(`${family}-${layers.join('-')}`);
      await saveCheckpoint(folder, dropLayers(model, layers));
      const again = await loadCheckpoint(folder);
      expect(again.config.num_hidden_layers).toBe(4 - layers.length);
      const predictor = createPredictor({ model: again, threads: 1, device: 'cpu', padId, rows: 4 });
      const found = (await predictor.logits(examples)).flatMap((row) => [...row]);
      await predictor.release();
      expectNear(found, expected.data, 1e-5);
    }
  });
});
