// Forward passes only: logits of examples from any source of weights, in the order the examples came.
import { BUCKET_MULTIPLE, makeBatch } from '../data/batches.js';
import type { Example } from '../data/example.js';
import type { Device } from '../engine/devices.js';
import type { StopCheck } from '../errors.js';
import { createBuilder, type Weights } from '../models/builder.js';
import { longestInput, padSideOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { answersSpans } from '../models/task-model.js';
import { gatherRows } from '../graph/ops/index.js';
import { input } from '../graph/program.js';
import { createForward, type ForwardSource } from './forward.js';
import { encoderFeeds } from './encoder-batch.js';
import { fakeQuantised } from './fake-quantised.js';
import { taskLogits } from './task-objective.js';

export interface PredictorOptions {
  readonly model: Model;
  /** Default: the model as it stands, without methods. */
  readonly source?: ForwardSource;
  readonly threads: number;
  readonly device: Device;
  readonly padId: number;
  readonly rows?: number;
  readonly checkStop?: StopCheck | undefined;
}

export interface Predictor {
  /** One row of logits per example, each a fresh array; of answer spans a start and then an end for each of its ids. */
  logits(examples: readonly Example[]): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** Weights straight from storage, without methods and without dropout. */
export function plainWeights(model: Model): Weights {
  const shape = (name: string): readonly number[] => {
    const tensor = model.tensors.get(name);
    if (!tensor) throw new Error(`the model has no tensor "${name}"`);
    return tensor.shape;
  };
  const weight = memoize((name) => input(`weight:${name}`, shape(name)));
  return {
    has: (name) => model.tensors.has(name),
    shape,
    weight,
    rows: (name, ids) => gatherRows(weight(name), ids),
    activation: (node) => node,
    dropoutMask: () => undefined,
  };
}

/** Weights as the model runs with them: rounded to int8, and so its activations, where it is quantised. */
export const quantisedWeights = (model: Model): Weights =>
  model.quantisation ? fakeQuantised(plainWeights(model), model.quantisation) : plainWeights(model);

/** Data of the inputs `plainWeights` makes. */
export const modelFeed =
  (model: Model) =>
  (name: string): Float32Array =>
    model.tensors.get(name.slice('weight:'.length))!.data;

/** The logits of a model as it stands. */
export const modelSource = (model: Model): ForwardSource => ({
  outputs: (bucket) => [
    { name: 'logits', node: taskLogits(createBuilder(bucket, quantisedWeights(model)), model) },
  ],
  feed: modelFeed(model),
});

function memoize<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    let value = made.get(name);
    if (value === undefined) {
      value = make(name);
      made.set(name, value);
    }
    return value;
  };
}

/** Values of one row [2, length] without those of padding. */
const ofTokens = (values: Float32Array, mask: Uint8Array): Float32Array =>
  values.filter((_, position) => mask[position % mask.length] === 1);

export function createPredictor(options: PredictorOptions): Predictor {
  const { model, threads, device, padId, rows = 32, checkStop } = options;
  const source = options.source ?? modelSource(model);
  const forward = createForward(source, { threads, device });
  const spans = answersSpans(model);

  return {
    async logits(examples) {
      const logits = new Array<Float32Array>(examples.length);
      const lengthOf = (index: number): number =>
        Math.min(
          Math.ceil(examples[index]!.ids.length / BUCKET_MULTIPLE) * BUCKET_MULTIPLE,
          longestInput(model.config),
        );
      const order = [...examples.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
      while (order.length > 0) {
        checkStop?.();
        const length = lengthOf(order[0]!);
        const other = order.findIndex((index) => lengthOf(index) !== length);
        const chosen = order.splice(0, Math.min(rows, other === -1 ? order.length : other));
        const batch = makeBatch(
          chosen.map((index) => examples[index]!),
          rows,
          length,
          { padId, padSide: padSideOf(model.config) },
        );
        const results = await forward.run({ rows, length }, encoderFeeds(batch));
        const all = results.get('logits')!;
        const width = all.length / rows;
        for (const [row, index] of chosen.entries()) {
          const own = all.slice(row * width, (row + 1) * width);
          logits[index] = spans ? ofTokens(own, batch.mask.subarray(row * length, (row + 1) * length)) : own;
        }
      }
      return logits;
    },
    release: () => forward.release(),
  };
}
