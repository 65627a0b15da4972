// The f64 twin of the loss that the tests of the method seam train on, and finite differences over it.
import { makeBatch } from '../../src/data/batches.js';
import { evaluate } from '../../src/graph/evaluate.js';
import type { Node } from '../../src/graph/node.js';
import { logSoftmax, mul, reduceSum, scale } from '../../src/graph/ops/index.js';
import { constant } from '../../src/graph/program.js';
import { createBuilder } from '../../src/models/builder.js';
import type { Model } from '../../src/models/model.js';
import { plainWeights } from '../../src/train/predictor.js';
import { encoderFeeds } from '../../src/train/encoder-batch.js';
import { taskLogits } from '../../src/train/task-objective.js';
import { madeUpExamples, randomModel } from '../support/training.js';

export const model = randomModel({ num_hidden_layers: 1 });
export const examples = madeUpExamples(4, { longest: 7 });
export const settings = { clip: 0, decay: 0, warmup: 0, schedule: 'constant', maxLength: 7 };
export const bucket = { rows: examples.length, length: 7 };
export const oneBatch = { model, examples, settings };

export type Activation = (node: Node, site: string) => Node;

/** The graph of the mean cross-entropy over the examples, by the family's functions alone. */
export function lossGraph(of: Model, activation: Activation): Node {
  const builder = createBuilder(bucket, { ...plainWeights(of), activation });
  const targets = constant(
    examples.flatMap(({ label }) => (label === 1 ? [0, 1] : [1, 0])),
    [examples.length, 2],
  );
  const likelihood = reduceSum(mul(logSoftmax(taskLogits(builder, of)), targets));
  return scale(likelihood, -1 / examples.length);
}

/** Values of nodes in f64 on the examples, with some tensors replaced. */
export const valuesOf = (
  nodes: readonly Node[],
  of: Model,
  replaced: Replaced = new Map(),
): Float64Array[] => {
  const feeds = new Map<string, ArrayLike<number>>([
    ...encoderFeeds(makeBatch(examples, bucket.rows, bucket.length, { padId: 0 })),
    ...[...of.tensors].map(([name, { data }]) => [`weight:${name}`, replaced.get(name) ?? data] as const),
  ]);
  return evaluate(nodes, feeds).map(({ data }) => data);
};

export type Replaced = ReadonlyMap<string, ArrayLike<number>>;

export const lossOf = (replaced: Replaced, of = model, activation: Activation = (node) => node): number =>
  valuesOf([lossGraph(of, activation)], of, replaced)[0]![0]!;

/** d loss / d values[i] by central differences in f64. */
export function slope(
  values: ArrayLike<number>,
  i: number,
  lossAt: (values: Float64Array) => number,
): number {
  const step = 1e-5;
  const at = (offset: number): number => {
    const moved = Float64Array.from(values);
    moved[i]! += offset;
    return lossAt(moved);
  };
  return (at(step) - at(-step)) / (2 * step);
}
