// Scores an artefact on the dev split of a task.
import { z } from 'zod';
import { type Example, longestOf } from '../data/example.js';
import { predictAnswers } from '../data/squad/prediction.js';
import { squadTask } from '../data/squad/reader.js';
import { UsageError } from '../errors.js';
import type { RuntimeUse } from '../export/packed-predictor.js';
import { writeFileAtomic } from '../io/atomic.js';
import type { RunControl } from '../recipe/run.js';
import { stopCheck } from '../recipe/stop-check.js';
import { countScored, scoreLogits, type TaskScores } from '../train/evaluation.js';
import { baseOption, checkDevice, computeSchema, dataSchema, loadDev, parseOptions } from './task-run.js';
import { checkpointBeside } from './artefact.js';
import { formSchema, openArtefact } from './open-artefact.js';

export const evaluateSchema = z.strictObject({
  ...dataSchema.shape,
  ...computeSchema.shape,
  model: z
    .string()
    .describe(
      'directory in Hugging Face layout or of an adapter, Hub id, .onnx file beside one, or .espalier file',
    ),
  base: baseOption,
  form: formSchema,
  maxLength: z
    .int()
    .min(3)
    .optional()
    .describe('default: 128, for squad 384, or the positions of a smaller model'),
  predictions: z
    .string()
    .optional()
    .describe("file for squad's answers, text by question id, as the official script reads"),
});

export interface EvaluateResult {
  readonly model: string;
  readonly task: string;
  readonly rows: number;
  readonly metrics: TaskScores;
  /** How the runtime computed a packed file. */
  readonly runtime?: RuntimeUse;
}

/** Metrics of a model on the task's dev split. */
export async function evaluate(
  input: z.input<typeof evaluateSchema>,
  control: RunControl,
): Promise<EvaluateResult> {
  const options = parseOptions(evaluateSchema, input, 'evaluate');
  await checkDevice(options.device, control);
  if (options.predictions !== undefined && options.task !== squadTask.name) {
    throw new UsageError(`--predictions writes the answers of squad; found --task ${options.task}`);
  }
  const loaded = await loadDev({ ...options, model: checkpointBeside(options.model) }, control);
  const { model, task, dev, padId } = loaded;
  const { threads, device, form } = options;
  const { predictor, runtime } = await openArtefact(options.model, {
    ...{ model, threads, device, padId, form, length: longestOf(dev) },
    note: (message) => control.onEvent({ type: 'note', message }),
    checkStop: stopCheck(control, false),
  });
  const logits = await predictor.logits(dev);
  await predictor.release();
  const metrics = scoreLogits(task, logits, dev);
  if (options.predictions !== undefined) await writePredictions(options.predictions, dev, logits);
  const rows = countScored(dev);
  return { model: options.model, task: task.name, rows, metrics, ...(runtime && { runtime }) };
}

async function writePredictions(
  path: string,
  dev: readonly Example[],
  logits: readonly Float32Array[],
): Promise<void> {
  const { questions, predictions } = predictAnswers(dev, logits);
  const texts = Object.fromEntries(questions.map(({ id }, index) => [id, predictions[index]!.text]));
  await writeFileAtomic(path, `${JSON.stringify(texts, null, 2)}\n`);
}
