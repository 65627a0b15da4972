// Scores an artefact on the dev split of a task: a directory by our own forward pass, an ONNX file by plain ONNX
// Runtime. Every artefact is scored itself.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { openOnnx } from '../export/onnx-predictor.js';
import { hasHead } from '../models/task-model.js';
import type { RunControl } from '../recipe/run.js';
import { evaluateModel, type Scores } from '../train/evaluation.js';
import { createPredictor } from '../train/predictor.js';
import { checkDevice, computeSchema, dataSchema, loadRun, parseOptions } from './task-run.js';
import { checkpointBeside } from './artefact.js';

export const evaluateSchema = z.strictObject({
  ...dataSchema.shape,
  ...computeSchema.shape,
  model: z.string().describe('directory in Hugging Face layout, Hub id, or .onnx file beside one'),
  maxLength: z.int().min(3).default(128),
});

export interface EvaluateResult {
  readonly model: string;
  readonly task: string;
  readonly rows: number;
  readonly metrics: Scores;
}

/** Metrics of a model on the task's dev split. */
export async function evaluate(
  input: z.input<typeof evaluateSchema>,
  control: RunControl,
): Promise<EvaluateResult> {
  const options = parseOptions(evaluateSchema, input, 'evaluate');
  await checkDevice(options.device, control);
  const loaded = await loadRun({ ...options, model: checkpointBeside(options.model) }, control);
  const { model, task, dev, padId } = loaded;
  if (!hasHead(model, task)) {
    const found = model.tensors.get('classifier.weight')?.shape[0] ?? 'none';
    throw new UsageError(
      `${model.source} has no head for task "${task.name}": expected ${task.labels.length} outputs, found ${found}; ` +
        'fine-tune it first',
    );
  }
  const predictor = options.model.endsWith('.onnx')
    ? await openOnnx(options.model, options.threads)
    : createPredictor({ model, threads: options.threads, device: options.device, padId });
  const metrics = await evaluateModel(predictor, task, dev);
  await predictor.release();
  return { model: options.model, task: task.name, rows: dev.length, metrics };
}
