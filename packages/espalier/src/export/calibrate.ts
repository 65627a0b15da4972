// Post-training static quantisation: scales from the weights, ranges from a few forward passes of the float model,
// without training. Layers and arithmetic are those of quantisation-aware training (methods/quantise.ts).
import { z } from 'zod';
import { BUCKET_MULTIPLE, makeBatch } from '../data/batches.js';
import type { Example } from '../data/example.js';
import { UsageError } from '../errors.js';
import type { Node } from '../graph/node.js';
import type { NamedNode } from '../graph/onnx.js';
import { reduceMax, reduceMin, reshape, topK } from '../graph/ops/index.js';
import { AVERAGING } from '../methods/observers.js';
import {
  type Quantisable,
  quantisable,
  quantisableOptions,
  quantisationOf,
  quantisedSites,
} from '../methods/quantisable.js';
import { type BucketShape, createBuilder } from '../models/builder.js';
import { familyOf, longestInput, padSideOf } from '../models/families.js';
import { affineRange, largestMagnitudes } from '../models/int8.js';
import type { Model } from '../models/model.js';
import type { Quantisation } from '../models/quantisation.js';
import { sizeOf } from '../tensor/tensor.js';
import { encoderFeeds } from '../train/encoder-batch.js';
import { createForward } from '../train/forward.js';
import { modelFeed, plainWeights } from '../train/predictor.js';
import { taskLogits } from '../train/task-objective.js';

/** Where a range comes from: all values, a moving average over the batches, or all but the most extreme values. */
export const OBSERVERS = ['minmax', 'moving-average', 'percentile'] as const;

const optionsSchema = z.object({ ...quantisableOptions, observer: z.enum(OBSERVERS) });

export type CalibrateOptions = z.input<typeof optionsSchema> & {
  readonly threads?: number;
  readonly padId?: number;
};

/** Part of a batch's values that `percentile` leaves out on either side. */
const TAIL = 1e-4;

/** Examples in a batch. */
const ROWS = 16;

interface Range {
  readonly low: number;
  readonly high: number;
}

/** Scales and zero points for a model with a classification head. Throws UsageError without examples. */
export async function calibrate(
  model: Model,
  examples: readonly Example[],
  { threads = 2, padId = 0, ...rest }: CalibrateOptions,
): Promise<Quantisation> {
  const options = optionsSchema.parse(rest);
  if (examples.length === 0) throw new UsageError('calibration: expected examples, found none');
  const named = [...model.tensors].map(([name, { shape }]) => ({ name, shape }));
  const chosen = quantisable(named, familyOf(model.config).prunedLinear, options);
  const batches = await observe(model, examples, chosen, options.observer, { threads, padId });
  const combine = COMBINE[options.observer];
  // A pattern may name a head that a classifier does not run.
  const layers = chosen.layers.filter(({ name }) => batches[0]!.has(`${name}.input`));
  return quantisationOf(
    { ...chosen, layers },
    model,
    (tensor, scales) => largestMagnitudes(model.tensors.get(tensor)!.data, scales),
    (site) => {
      const { low, high } = combine(batches.map((batch) => batch.get(site)!));
      return affineRange(low, high);
    },
  );
}

/** The range of every site in every batch. */
async function observe(
  model: Model,
  examples: readonly Example[],
  chosen: Quantisable,
  observer: CalibrateOptions['observer'],
  { threads, padId }: { readonly threads: number; readonly padId: number },
): Promise<Map<string, Range>[]> {
  const forward = createForward(
    {
      outputs: (bucket) =>
        [...siteRanges(model, bucket, chosen, observer)].flatMap(([site, { low, high }]): NamedNode[] => [
          { name: `low:${site}`, node: low },
          { name: `high:${site}`, node: high },
        ]),
      feed: modelFeed(model),
    },
    { threads, device: 'cpu' },
  );
  const batches: Map<string, Range>[] = [];
  for (let start = 0; start < examples.length; start += ROWS) {
    const part = examples.slice(start, start + ROWS);
    const longest = Math.max(...part.map(({ ids }) => ids.length));
    const length = Math.min(
      Math.ceil(longest / BUCKET_MULTIPLE) * BUCKET_MULTIPLE,
      longestInput(model.config),
    );
    const feeds = encoderFeeds(
      makeBatch(part, part.length, length, { padId, padSide: padSideOf(model.config) }),
    );
    const results = await forward.run({ rows: part.length, length }, feeds);
    const value = (name: string): number => results.get(name)![0]!;
    const sites = [...results.keys()].flatMap((name) => (name.startsWith('low:') ? [name.slice(4)] : []));
    batches.push(
      new Map(sites.map((site) => [site, { low: value(`low:${site}`), high: value(`high:${site}`) }])),
    );
  }
  await forward.release();
  return batches;
}

/** Least and greatest value that counts, as scalar nodes, of every input and output that is to be rounded. */
function siteRanges(
  model: Model,
  bucket: BucketShape,
  chosen: Quantisable,
  observer: CalibrateOptions['observer'],
): Map<string, { readonly low: Node; readonly high: Node }> {
  const wanted = quantisedSites(chosen);
  const ranges = new Map<string, { low: Node; high: Node }>();
  const activation = (node: Node, site: string): Node => {
    if (!wanted.has(site)) return node;
    if (observer !== 'percentile') ranges.set(site, { low: reduceMin(node), high: reduceMax(node) });
    else {
      const size = sizeOf(node.shape);
      const flat = reshape(node, [size]);
      const count = 1 + Math.floor(TAIL * size);
      ranges.set(site, {
        low: reduceMax(topK(flat, count, false)),
        high: reduceMin(topK(flat, count, true)),
      });
    }
    return node;
  };
  taskLogits(createBuilder(bucket, { ...plainWeights(model), activation }), model);
  return ranges;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
const moving = (values: readonly number[]): number =>
  values.reduce((average, value) => average + AVERAGING * (value - average));

const COMBINE: Readonly<Record<CalibrateOptions['observer'], (ranges: readonly Range[]) => Range>> = {
  minmax: (ranges) => ({
    low: Math.min(...ranges.map(({ low }) => low)),
    high: Math.max(...ranges.map(({ high }) => high)),
  }),
  'moving-average': (ranges) => ({
    low: moving(ranges.map(({ low }) => low)),
    high: moving(ranges.map(({ high }) => high)),
  }),
  percentile: (ranges) => ({
    low: mean(ranges.map(({ low }) => low)),
    high: mean(ranges.map(({ high }) => high)),
  }),
};
