// Forward passes only: logits of examples from any source of weights, in the order the examples came.
import { makeBatch } from '../data/batches.js';
import type { Example } from '../data/example.js';
import type { Device } from '../engine/devices.js';
import { createSession, type FeedArray, type Session } from '../engine/session.js';
import { type BucketShape, createBuilder, type Weights } from '../models/builder.js';
import type { Model } from '../models/model.js';
import type { Node } from '../graph/node.js';
import { gatherRows } from '../graph/ops/index.js';
import { input } from '../graph/program.js';
import { fakeQuantised } from './fake-quantised.js';
import { encoderFeeds, taskLogits } from './task-objective.js';

/** Where a forward pass comes from. */
export interface ForwardSource {
  /** Logits [rows, labels] of a bucket, from `encoderInputs` and other inputs. */
  logits(bucket: BucketShape): Node;
  /** Present data of an input that does not belong to the batch. */
  feed(name: string): FeedArray;
}

export interface PredictorOptions {
  readonly model: Model;
  /** Default: the model as it stands, without methods. */
  readonly source?: ForwardSource;
  readonly threads: number;
  readonly device: Device;
  readonly padId: number;
  readonly rows?: number;
}

export interface Predictor {
  /** One row of logits per example, each a fresh array. */
  logits(examples: readonly Example[]): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** Sequence lengths are rounded up to this: one session per multiple. */
const BUCKET_MULTIPLE = 16;

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

/** The forward pass of a model as it stands. */
export const modelSource = (model: Model): ForwardSource => ({
  logits: (bucket) => taskLogits(createBuilder(bucket, quantisedWeights(model)), model),
  feed: (name) => model.tensors.get(name.slice('weight:'.length))!.data,
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

export function createPredictor(options: PredictorOptions): Predictor {
  const { model, threads, device, padId, rows = 32 } = options;
  const source = options.source ?? modelSource(model);
  const sessions = new Map<string, Session>();

  async function sessionFor(bucket: BucketShape): Promise<Session> {
    const key = `${bucket.rows}x${bucket.length}`;
    const known = sessions.get(key);
    if (known) return known;
    const session = await createSession([{ name: 'logits', node: source.logits(bucket) }], {
      threads,
      device,
      arena: false,
    });
    sessions.set(key, session);
    return session;
  }

  return {
    async logits(examples) {
      const results = new Array<Float32Array>(examples.length);
      const lengthOf = (index: number): number =>
        Math.min(
          Math.ceil(examples[index]!.ids.length / BUCKET_MULTIPLE) * BUCKET_MULTIPLE,
          model.config.max_position_embeddings,
        );
      const order = [...examples.keys()].sort((a, b) => lengthOf(a) - lengthOf(b) || a - b);
      while (order.length > 0) {
        const length = lengthOf(order[0]!);
        const other = order.findIndex((index) => lengthOf(index) !== length);
        const chosen = order.splice(0, Math.min(rows, other === -1 ? order.length : other));
        const batch = makeBatch(
          chosen.map((index) => examples[index]!),
          rows,
          length,
          { padId },
        );
        const session = await sessionFor({ rows, length });
        const feeds = new Map<string, FeedArray>(encoderFeeds(batch));
        for (const name of session.inputs.keys()) {
          if (!feeds.has(name)) feeds.set(name, source.feed(name));
        }
        const width = session.outputs.get('logits')!.shape[1]!;
        const logits = new Float32Array(rows * width);
        await session.run(feeds, new Map([['logits', logits]]));
        for (const [row, index] of chosen.entries())
          results[index] = logits.slice(row * width, (row + 1) * width);
      }
      return results;
    },
    async release() {
      for (const session of sessions.values()) await session.release();
      sessions.clear();
    },
  };
}
