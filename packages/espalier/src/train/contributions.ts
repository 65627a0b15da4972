// How much each block changes the direction of the summary token: the contribution score of layer dropping (Sajjad et
// al., arXiv 2004.03844), c = mean over texts of cos(block input, block output). A high score is a small contribution.
import { epochBatches, makeBatch } from '../data/batches.js';
import type { Device } from '../engine/devices.js';
import { UsageError } from '../errors.js';
import type { Node } from '../graph/node.js';
import type { NamedNode } from '../graph/onnx.js';
import type { Sample } from '../methods/method.js';
import { type BucketShape, createBuilder } from '../models/builder.js';
import { familyOf, longestInput, padSideOf } from '../models/families.js';
import { summaryTokens } from '../models/heads.js';
import type { Model } from '../models/model.js';
import { encoderFeeds, encoderInputs } from './encoder-batch.js';
import { createForward } from './forward.js';
import { modelFeed, plainWeights } from './predictor.js';

/** Examples in a batch. */
const ROWS = 16;

/** The score of each block, from the bottom. Throws UsageError without examples. */
export async function contributions(
  model: Model,
  { examples, padId }: Sample,
  compute: { readonly threads: number; readonly device: Device },
): Promise<number[]> {
  if (examples.length === 0) throw new UsageError('contribution scores: expected texts, found none');
  const forward = createForward(
    { outputs: (bucket) => blockSummaries(model, bucket), feed: modelFeed(model) },
    compute,
  );
  const sums = new Array<number>(model.config.num_hidden_layers).fill(0);
  const plan = { batchSize: ROWS, seed: 0, epoch: 0, maxLength: longestInput(model.config), shuffle: false };
  const padSide = padSideOf(model.config);
  for (const { indices, length } of epochBatches({ examples, ...plan })) {
    const part = indices.map((index) => examples[index]!);
    const feeds = encoderFeeds(makeBatch(part, ROWS, length, { padId, padSide }));
    const results = [...(await forward.run({ rows: ROWS, length }, feeds)).values()]; // each [ROWS, hidden]
    for (const [block, output] of results.slice(1).entries())
      for (let row = 0; row < part.length; row++) sums[block]! += cosine(results[block]!, output, row);
  }
  await forward.release();
  return sums.map((sum) => sum / examples.length);
}

/** The summary token [rows, hidden] of the first block's input and of every block's output, in that order. */
function blockSummaries(model: Model, bucket: BucketShape): NamedNode[] {
  const { blockPrefix, encode, head } = familyOf(model.config);
  const sites = [
    'input',
    ...Array.from({ length: model.config.num_hidden_layers }, (_, block) => `${block}.output`),
  ].map((site) => blockPrefix + site);
  const seen = new Map<string, Node>();
  const plain = createBuilder(bucket, plainWeights(model));
  const activation = (node: Node, site: string): Node => {
    if (sites.includes(site)) seen.set(site, summaryTokens(plain, head, node));
    return node;
  };
  const b = createBuilder(bucket, { ...plain, activation });
  encode(b, model.config, encoderInputs(bucket), true);
  return sites.map((name) => ({ name, node: seen.get(name)! }));
}

/** Cosine of the same row of two arrays [ROWS, hidden]; 0 where one of them is zero. */
function cosine(a: Float32Array, b: Float32Array, row: number): number {
  const width = a.length / ROWS;
  const [product, ofA, ofB] = [
    [a, b],
    [a, a],
    [b, b],
  ].map(([x, y]) => {
    let sum = 0;
    for (let i = row * width; i < (row + 1) * width; i++) sum += x![i]! * y![i]!;
    return sum;
  }) as [number, number, number];
  return product === 0 ? 0 : product / Math.sqrt(ofA * ofB);
}
