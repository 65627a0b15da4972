// Batches of static shape. An epoch is planned as a whole, as lists of example positions with a bucket length,
// and is a pure function of lengths, seed and epoch: a resumed run takes the same plan from its k-th batch on.
// Lengths are mildly bucketed: examples are shuffled, cut into pools, sorted by length within a pool, cut into
// batches, and the batches are shuffled.
import { random } from '../random.js';
import type { Batch, Example, Padding, RawExample } from './example.js';
import type { Tokenizer } from './tokenizer.js';

/** One batch of an epoch: positions in the list of examples, and the token length that holds them all. */
export interface PlannedBatch {
  readonly indices: readonly number[];
  readonly length: number;
}

export interface EpochOptions {
  readonly examples: readonly Pick<Example, 'ids'>[];
  readonly batchSize: number;
  readonly seed: number;
  readonly epoch: number;
  /** Without it the examples are sorted by length, shortest first: the least padding, for evaluation. */
  readonly shuffle: boolean;
  /** The length no example exceeds; buckets are capped at it. */
  readonly maxLength: number;
  /** Lengths are rounded up to a multiple of this; BUCKET_MULTIPLE by default. */
  readonly bucketMultiple?: number;
}

/** Bucket lengths are multiples of this. */
export const BUCKET_MULTIPLE = 16;

/** Batches that a pool of the shuffled examples is cut into: more is less padding and less chance. */
const batchesInPool = 50;

/** Examples with their token ids, at most `maxLength` each; `index` is the position in `raw`. */
export const tokenizeExamples = (
  tokenizer: Tokenizer,
  raw: readonly RawExample[],
  maxLength: number,
): Example[] =>
  raw.map(({ text, pair, label }, index) => ({ index, label, ...tokenizer.encode(text, pair, maxLength) }));

function chunks<T>(list: readonly T[], size: number): T[][] {
  const result: T[][] = [];
  for (let start = 0; start < list.length; start += size) result.push(list.slice(start, start + size));
  return result;
}

/**
 * The batches of an epoch, each example in exactly one. All have `batchSize` examples but the last, which has
 * the rest. Throws RangeError for a batch size that is none and an example longer than `maxLength`.
 */
export function epochBatches(options: EpochOptions): PlannedBatch[] {
  const { examples, batchSize, seed, epoch, shuffle, maxLength, bucketMultiple = BUCKET_MULTIPLE } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new RangeError(`epochBatches: expected a batch size from 1, found ${batchSize}`);
  }
  const lengthOf = (index: number): number => examples[index]!.ids.length;
  const byLength = (a: number, b: number): number => lengthOf(a) - lengthOf(b);
  const planned = (indices: readonly number[]): PlannedBatch => {
    const longest = indices.reduce((length, index) => Math.max(length, lengthOf(index)), 1);
    if (longest > maxLength) {
      throw new RangeError(
        `epochBatches: an example of ${longest} tokens exceeds the maximum of ${maxLength}`,
      );
    }
    const rounded = Math.ceil(longest / bucketMultiple) * bucketMultiple;
    return { indices, length: Math.min(rounded, maxLength) };
  };

  const order = examples.map((_, index) => index);
  if (!shuffle) return chunks(order.sort(byLength), batchSize).map(planned);

  const generator = random(seed, 'batches', epoch);
  generator.shuffle(order);
  // The rest is taken before sorting, or the short batch would always hold the longest examples.
  const rest = order.splice(order.length - (order.length % batchSize));
  const full = chunks(order, batchSize * batchesInPool).flatMap((pool) =>
    chunks(pool.sort(byLength), batchSize),
  );
  generator.shuffle(full);
  return [...full, ...(rest.length > 0 ? [rest] : [])].map(planned);
}

/**
 * `examples` as a batch of `rows` x `length` (see `Batch`): rows beyond them and what is left of each row are padding.
 * Throws RangeError when they do not fit.
 */
export function makeBatch(
  examples: readonly Example[],
  rows: number,
  length: number,
  { padId, padSide = 'right' }: Padding,
): Batch {
  if (examples.length > rows) {
    throw new RangeError(`makeBatch: ${examples.length} examples do not fit into ${rows} rows`);
  }
  const ids = new Int32Array(length * rows).fill(padId); // [length * rows]
  const typeIds = new Int32Array(length * rows); // [length * rows]
  const mask = new Uint8Array(rows * length); // [rows * length]
  const rowWeights = new Float32Array(rows); // [rows]
  const starts: number[] = [];
  for (const [row, example] of examples.entries()) {
    const count = example.ids.length;
    if (count > length) {
      throw new RangeError(
        `makeBatch: an example of ${count} tokens does not fit into a length of ${length}`,
      );
    }
    const start = padSide === 'left' ? length - count : 0;
    starts.push(start);
    for (let token = 0; token < count; token++) {
      ids[(start + token) * rows + row] = example.ids[token]!;
      typeIds[(start + token) * rows + row] = example.typeIds[token]!;
    }
    mask.fill(1, row * length + start, row * length + start + count);
    rowWeights[row] = 1;
  }
  for (let row = examples.length; row < rows; row++) mask[row * length] = 1;
  return { rows, length, examples, starts, ids, typeIds, mask, rowWeights };
}
