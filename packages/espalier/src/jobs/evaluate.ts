// Scores an artefact on the dev split of a task: a directory by our own forward pass, an ONNX file by plain ONNX
// Runtime. Every artefact is scored itself.
import { z } from 'zod';
import { openOnnx } from '../export/onnx-predictor.js';
import { padSideOf } from '../models/families.js';
import type { RunControl } from '../recipe/run.js';
import { evaluateModel, type TaskScores } from '../train/evaluation.js';
import { createPredictor } from '../train/predictor.js';
import { baseOption, checkDevice, computeSchema, dataSchema, loadDev, parseOptions } from './task-run.js';
import { checkpointBeside } from './artefact.js';

export const evaluateSchema = z.strictObject({
  ...dataSchema.shape,
  ...computeSchema.shape,
  model: z
    .string()
    .describe('directory in Hugging Face layout or of an adapter, Hub id, or .onnx file beside one'),
  base: baseOption,
  maxLength: z.int().min(3).optional().describe('default: 128, or the positions of a smaller model'),
});

export interface EvaluateResult {
  readonly model: string;
  readonly task: string;
  readonly rows: number;
  readonly metrics: TaskScores;
}

/** Metrics of a model on the task's dev split. */
export async function evaluate(
  input: z.input<typeof evaluateSchema>,
  control: RunControl,
): Promise<EvaluateResult> {
  const options = parseOptions(evaluateSchema, input, 'evaluate');
  await checkDevice(options.device, control);
  const loaded = await loadDev({ ...options, model: checkpointBeside(options.model) }, control);
  const { model, task, dev, padId } = loaded;
  const predictor = options.model.endsWith('.onnx')
    ? await openOnnx(options.model, options.threads, padSideOf(model.config))
    : createPredictor({ model, threads: options.threads, device: options.device, padId });
  const metrics = await evaluateModel(predictor, task, dev);
  await predictor.release();
  return { model: options.model, task: task.name, rows: dev.length, metrics };
}
