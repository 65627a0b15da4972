// ONNX export, float32: standard ops only, weights as initialisers, open batch and length, names and layout of
// transformers.js. The bytes are run and compared with the model before they are written.
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EspalierError } from '../errors.js';
import type { Example } from '../data/example.js';
import type { DynamicExtent } from '../graph/dynamic-extents.js';
import { encodeOnnx, type Initializers } from '../graph/onnx.js';
import type { Node } from '../graph/node.js';
import { mul, reshape, slice, sub, toFloat, transpose } from '../graph/ops/index.js';
import { input, scalar } from '../graph/program.js';
import { writeFileAtomic } from '../io/atomic.js';
import { ioError } from '../io/io-error.js';
import { createBuilder, type Weights } from '../models/builder.js';
import { longestInput, padSideOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { headLogits } from '../models/task-head.js';
import { answersSpans } from '../models/task-model.js';
import { checkLogits } from './check.js';
import { openOnnx, SPAN_OUTPUTS } from './onnx-predictor.js';
import { plainWeights, type PredictorOptions } from '../train/predictor.js';

/** Extents that stand for the open batch and length while the graph is built: primes that divide no static extent. */
function openExtents(model: Model): { rows: DynamicExtent; length: DynamicExtent } {
  const { num_attention_heads: heads, hidden_size: hidden } = model.config;
  const positions = longestInput(model.config);
  const extents = [
    positions,
    heads,
    hidden / heads,
    ...[...model.tensors.values()].flatMap(({ shape }) => shape),
  ];
  const isFree = (candidate: number): boolean =>
    isPrime(candidate) && extents.every((extent) => extent % candidate !== 0);
  let length = positions; // the position table is cut to it, so it cannot be larger
  while (length > 1 && !isFree(length)) length--;
  let rows = positions + 1;
  while (!isFree(rows)) rows++;
  if (length === 1) throw new EspalierError(`no open length fits a position table of ${positions} rows`);
  return {
    rows: { name: 'batch', extent: rows, input: 'input_ids', axis: 0 },
    length: { name: 'sequence', extent: length, input: 'input_ids', axis: 1 },
  };
}

function isPrime(value: number): boolean {
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false;
  return value > 1;
}

/** The model as ONNX bytes, all float32. */
export const onnxBytes = (model: Model): Uint8Array =>
  classifierBytes(
    model,
    plainWeights(model),
    new Map([...model.tensors].map(([name, { data }]) => [`weight:${name}`, data])),
  );

/**
 * The model over the given weights: input_ids, attention_mask and, where the family tells segments apart,
 * token_type_ids [batch, sequence] int64 -> logits of a classifier, start_logits and end_logits of answer spans.
 * Inputs of the graph that `initializers` name are stored in the file.
 */
export function classifierBytes(model: Model, weights: Weights, initializers: Initializers): Uint8Array {
  const open = openExtents(model);
  const { rows, length } = { rows: open.rows.extent, length: open.length.extent };
  const feed = (name: string): Node => input(name, [rows, length], 'int64');
  const tokenMajor = (name: string): Node => reshape(transpose(feed(name), [1, 0]), [length * rows]);
  const logits = headLogits(createBuilder({ rows, length }, weights), model, {
    ids: tokenMajor('input_ids'),
    typeIds: tokenMajor('token_type_ids'),
    bias: mul(sub(toFloat(feed('attention_mask')), scalar(1)), scalar(1e9)),
  });
  const part = (name: string, index: number) => ({
    name,
    node: reshape(slice(logits, 1, index, index + 1), [rows, length]),
  });
  const outputs = answersSpans(model)
    ? SPAN_OUTPUTS.map((name, index) => part(name, index))
    : [{ name: 'logits', node: logits }];
  return encodeOnnx(outputs, { initializers, dynamic: [open.rows, open.length], standard: true });
}

/**
 * Writes the model to `path` in float32, quantised or not, after comparing the bytes with it, on `dev` as well.
 * Returns the largest difference of a logit.
 */
export async function exportOnnx(
  model: Model,
  path: string,
  options: Pick<PredictorOptions, 'threads' | 'checkStop'> & { readonly dev?: readonly Example[] },
): Promise<number> {
  const bytes = onnxBytes(model);
  const exported = await openOnnx(bytes, options.threads, padSideOf(model.config), options.checkStop);
  const master = { ...model, quantisation: undefined };
  const difference = await checkLogits(path, master, exported, options);
  await exported.release();
  await writeOnnx(path, bytes);
  return difference;
}

/** Writes the bytes of a file that has passed its gate. */
export async function writeOnnx(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true }).catch((cause: unknown) => {
    throw ioError(cause, 'writing', path);
  });
  await writeFileAtomic(path, bytes);
}
