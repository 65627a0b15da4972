// One prediction of a model with a task head.
import { z } from 'zod';
import { loadTokenizer } from '../data/tokenizer.js';
import { UsageError } from '../errors.js';
import { openOnnx } from '../export/onnx-predictor.js';
import { loadModel } from '../models/adapter.js';
import { longestInput, padSideOf } from '../models/families.js';
import { headOutputs } from '../models/task-model.js';
import { probabilities } from '../train/evaluation.js';
import { createPredictor } from '../train/predictor.js';
import { checkpointBeside } from './artefact.js';
import { baseOption, computeSchema, parseOptions } from './task-run.js';

export const predictSchema = z.strictObject({
  ...computeSchema.shape,
  model: z
    .string()
    .describe('directory in Hugging Face layout or of an adapter, Hub id, or .onnx file beside one'),
  base: baseOption,
  text: z.string(),
  pair: z.string().optional(),
  maxLength: z.int().min(3).default(128),
});

export interface Prediction {
  /** The likeliest label, or 'score' for regression. */
  readonly label: string;
  /** Probability of each label; for regression the score alone. */
  readonly scores: Readonly<Record<string, number>>;
}

export async function predict(input: z.input<typeof predictSchema>): Promise<Prediction> {
  const options = parseOptions(predictSchema, input, 'predict');
  const model = await loadModel(checkpointBeside(options.model), options.base);
  const outputs = headOutputs(model);
  if (outputs === undefined) throw new UsageError(`${options.model} has no task head; fine-tune it first`);
  const tokenizer = loadTokenizer(model.tokenizerFiles, options.model);
  const maxLength = Math.min(options.maxLength, longestInput(model.config));
  const encoding = tokenizer.encode(options.text, options.pair, maxLength);
  const { threads, device } = options;
  const predictor = options.model.endsWith('.onnx')
    ? await openOnnx(options.model, threads, padSideOf(model.config))
    : createPredictor({ model, threads, device, padId: tokenizer.padId, rows: 1 });
  const [logits] = await predictor.logits([{ index: 0, label: 0, ...encoding }]);
  await predictor.release();
  if (outputs === 1) return { label: 'score', scores: { score: logits![0]! } };
  const names = model.config.id2label ?? {};
  const label = (index: number): string => names[String(index)] ?? `LABEL_${index}`;
  const chances = probabilities(logits!);
  const best = chances.indexOf(Math.max(...chances));
  return {
    label: label(best),
    scores: Object.fromEntries(chances.map((chance, index) => [label(index), chance])),
  };
}
