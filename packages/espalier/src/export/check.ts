// The gate of every export: the written artefact must compute the model's logits, on random ids of several lengths
// and on the examples of a task where one is named.
import type { Example } from '../data/example.js';
import { EspalierError } from '../errors.js';
import { longestInput } from '../models/families.js';
import type { Model } from '../models/model.js';
import { random } from '../random.js';
import { createPredictor, type Predictor, type PredictorOptions } from '../train/predictor.js';
import { randomExample } from './random-examples.js';

/** Largest difference of a logit that counts as equal: f32 sums in another order. */
const TOLERANCE = 1e-4;

/**
 * Compares the logits of an artefact with the model's. Returns their largest difference; throws EspalierError naming
 * `path` when it is beyond the tolerance.
 */
export async function checkLogits(
  path: string,
  model: Model,
  artefact: Pick<Predictor, 'logits'>,
  {
    threads,
    dev = [],
    checkStop,
  }: Pick<PredictorOptions, 'threads' | 'checkStop'> & { readonly dev?: readonly Example[] },
): Promise<number> {
  const predictor = createPredictor({ model, threads, device: 'cpu', padId: 0, checkStop });
  let largest = 0;
  for (const examples of [...randomBatches(model), ...(dev.length > 0 ? [dev] : [])]) {
    const found = await artefact.logits(examples);
    for (const [row, expected] of (await predictor.logits(examples)).entries()) {
      for (const [column, value] of expected.entries()) {
        largest = Math.max(largest, Math.abs(value - (found[row]?.[column] ?? Number.NaN)));
      }
    }
  }
  await predictor.release();
  if (largest <= TOLERANCE) return largest;
  throw new EspalierError(
    `${path} was not written: its logits differ from the model's by ${largest.toExponential(1)}, ` +
      `expected at most ${TOLERANCE.toExponential(0)}`,
  );
}

/** Batches of several sizes and lengths, padded ones among them. */
function randomBatches(model: Model): Example[][] {
  const positions = longestInput(model.config);
  const shapes = [
    [1, 1],
    [2, 7],
    [3, 64],
    [1, positions],
  ] as const;
  const generator = random(0, 'export');
  return shapes.map(([rows, length]) =>
    Array.from({ length: rows }, (_, index) =>
      randomExample(model, index, Math.max(1, Math.min(length, positions) - index), generator),
    ),
  );
}
