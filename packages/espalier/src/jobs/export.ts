// The other formats of a model, each checked against it before it is kept.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { exportOnnx } from '../export/onnx.js';
import { openOnnx } from '../export/onnx-predictor.js';
import { loadCheckpoint, writeCheckpointFiles } from '../models/checkpoint.js';
import type { RunControl } from '../recipe/run.js';
import { evaluateModel, type Scores } from '../train/evaluation.js';
import { prepareOutput } from './output.js';
import { computeSchema, dataSchema, loadRun, parseOptions } from './task-run.js';

export const exportSchema = z.strictObject({
  ...computeSchema.shape,
  ...dataSchema.partial().shape,
  model: z.string(),
  to: z.enum(['hf', 'onnx']).describe('hf: Hugging Face directory; onnx: float32 ONNX file'),
  out: z.string(),
  overwrite: z.boolean().default(false),
  maxLength: z.int().min(3).default(128),
});

export interface ExportResult {
  readonly out: string;
  /** Largest difference of a logit between the written file and the model, on random ids of several lengths. */
  readonly largestDifference: number;
  /** Scores of the written file, when a task was named. */
  readonly metrics?: Scores;
}

export async function exportModel(
  input: z.input<typeof exportSchema>,
  control: RunControl,
): Promise<ExportResult> {
  const options = parseOptions(exportSchema, input, 'export');
  const { out, threads, task, data } = options;
  const model = await loadCheckpoint(options.model);
  if (!model.tensors.has('classifier.weight')) {
    throw new UsageError(`${options.model} has no task head; fine-tune it first`);
  }
  if (options.to === 'hf') {
    await prepareOutput(out, { resume: false, overwrite: options.overwrite });
    await writeCheckpointFiles(out, model);
    return { out, largestDifference: largestDifference(model, await loadCheckpoint(out)) };
  }
  const difference = await exportOnnx(model, out, threads);
  if (task === undefined || data === undefined) return { out, largestDifference: difference };
  const loaded = await loadRun({ ...options, task, data }, control);
  const predictor = await openOnnx(out, threads);
  const metrics = await evaluateModel(predictor, loaded.task, loaded.dev);
  await predictor.release();
  return { out, largestDifference: difference, metrics };
}

type Tensors = { readonly tensors: ReadonlyMap<string, { readonly data: Float32Array }> };

function largestDifference(a: Tensors, b: Tensors): number {
  let largest = 0;
  for (const [name, { data }] of a.tensors) {
    const other = b.tensors.get(name)!.data;
    for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(data[i]! - other[i]!));
  }
  return largest;
}
