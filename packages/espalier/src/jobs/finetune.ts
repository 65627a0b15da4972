// Dense fine-tuning of a model on a task.
import { z } from 'zod';
import { DENSE } from '../recipe/builtin.js';
import { type RunControl, runRecipe } from '../recipe/run.js';
import type { Report } from '../report/report.js';
import { withLock } from './folder-lock.js';
import { checkOutput, keepInputs } from './output.js';
import {
  askedLength,
  checkDevice,
  computeSchema,
  dataSchema,
  type LoadedRun,
  loadRun,
  parseOptions,
  parseSettings,
  trainingSchema,
} from './task-run.js';
import { startRun, taskInput, writeRun } from './training-run.js';

export const finetuneSchema = z.strictObject({
  ...dataSchema.shape,
  ...computeSchema.shape,
  ...trainingSchema.shape,
  model: z.string().describe('directory in Hugging Face layout, or a Hub id'),
  out: z.string().describe('output directory'),
  onnx: z.boolean().default(false).describe('also write onnx/model.onnx and onnx/model_quantized.onnx'),
});

export type FinetuneOptions = z.input<typeof finetuneSchema>;

/** Fine-tunes a model on a task, from files. Progress goes to `control`. */
export async function finetune(input: FinetuneOptions, control: RunControl): Promise<Report> {
  const options = parseOptions(finetuneSchema, input, 'finetune');
  const maxLength = askedLength(options.settings);
  await checkDevice(options.device, control);
  await checkOutput(options);
  await keepInputs(options, [['--model', options.model]]);
  return finetuneLoaded(await loadRun({ ...options, maxLength }, control), options, control);
}

/** Fine-tunes a model whose task is already in memory. */
export const finetuneLoaded: typeof finetuneHeld = (loaded, options, control) =>
  withLock(options.out, () => finetuneHeld(loaded, options, control));

async function finetuneHeld(
  loaded: LoadedRun,
  options: z.output<typeof finetuneSchema>,
  control: RunControl,
): Promise<Report> {
  const { dropout } = parseSettings(options.settings);
  const input = taskInput(loaded, options.seed, dropout);
  const run = await startRun(input, options, DENSE, control);
  if (run.finished) return run.finished;
  const result = await runRecipe(input.base, DENSE, run.stages);
  return writeRun(run, result, options, undefined, null);
}
