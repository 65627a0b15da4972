// One prediction of a model with a task head: a class, a score, or an answer from a context.
import { z } from 'zod';
import { type Example, longestOf } from '../data/example.js';
import { spanExamples } from '../data/squad/examples.js';
import { predictAnswers } from '../data/squad/prediction.js';
import { loadTokenizer, type Tokenizer } from '../data/tokenizer.js';
import { EspalierError, UsageError } from '../errors.js';
import type { RuntimeUse } from '../export/packed-predictor.js';
import { loadModel } from '../models/adapter.js';
import { longestInput } from '../models/families.js';
import type { Model } from '../models/model.js';
import { answersSpans, hasTaskHead, headOutputs } from '../models/task-model.js';
import type { RunControl } from '../recipe/run.js';
import { probabilities } from '../train/evaluation.js';
import { checkpointBeside } from './artefact.js';
import { formSchema, openArtefact } from './open-artefact.js';
import { pairNote } from './pair-note.js';
import { baseOption, computeSchema, evaluationLength, parseOptions } from './task-run.js';

export const predictSchema = z.strictObject({
  ...computeSchema.shape,
  model: z
    .string()
    .describe(
      'directory in Hugging Face layout or of an adapter, Hub id, .onnx file beside one, or .espalier file',
    ),
  base: baseOption,
  form: formSchema,
  text: z.string().describe('the text, or the question'),
  pair: z.string().optional().describe('the second text, or the context of a question'),
  maxLength: z
    .int()
    .min(3)
    .optional()
    .describe('default: 128, for questions 384, or the positions of a smaller model'),
});

export interface Prediction {
  /** The likeliest label, 'score' for regression, or the text of the answer. */
  readonly label: string;
  /** Probability of each label; for regression the score alone; of an answer the sum of its two logits. */
  readonly scores: Readonly<Record<string, number>>;
  /** Where the answer stands in the context, in Unicode code points as SQuAD counts; the end is exclusive. */
  readonly span?: { readonly start: number; readonly end: number };
  /** How the runtime computed a packed file. */
  readonly runtime?: RuntimeUse;
}

export async function predict(
  input: z.input<typeof predictSchema>,
  control?: Pick<RunControl, 'onEvent'>,
): Promise<Prediction> {
  const options = parseOptions(predictSchema, input, 'predict');
  const model = await loadModel(checkpointBeside(options.model), options.base);
  if (!hasTaskHead(model)) throw new UsageError(`${options.model} has no task head; fine-tune it first`);
  const tokenizer = loadTokenizer(model.tokenizerFiles, options.model);
  const { threads, device, form } = options;
  const note = (message: string): void => control?.onEvent({ type: 'note', message });
  const unlearnt = options.pair === undefined ? undefined : await pairNote(options.model);
  if (unlearnt !== undefined) note(unlearnt);
  const spans = answersSpans(model);
  const wanted = evaluationLength(model, { kind: spans ? 'span' : 'classification' }, options.maxLength);
  const maxLength = Math.min(wanted, longestInput(model.config));
  const examples = spans
    ? windowsOf(tokenizer, options, maxLength)
    : [{ index: 0, label: 0, ...tokenizer.encode(options.text, options.pair, maxLength) }];
  const { predictor, runtime } = await openArtefact(options.model, {
    ...{ model, threads, device, padId: tokenizer.padId, rows: 1, form, length: longestOf(examples) },
    note,
  });
  const logits = await predictor.logits(examples);
  await predictor.release();
  const prediction = spans ? answerOf(examples, logits) : labelOf(model, logits[0]!);
  return { ...prediction, ...(runtime && { runtime }) };
}

function windowsOf(
  tokenizer: Tokenizer,
  { text, pair: context }: z.output<typeof predictSchema>,
  maxLength: number,
): readonly Example[] {
  if (context === undefined) {
    throw new UsageError(
      'the model answers questions on a context: give the question as --text, the context as --pair',
    );
  }
  const question = { id: 'question', text, context, answers: [] };
  const raw = [{ text, pair: context, label: 0, question }];
  return spanExamples(tokenizer, raw, { maxLength }, { trained: false }).examples;
}

function answerOf(examples: readonly Example[], logits: readonly Float32Array[]): Prediction {
  const { text, start, end, score } = predictAnswers(examples, logits).predictions[0]!;
  if (text === '')
    throw new EspalierError('no answer: no likely start and end lie in the context, in this order');
  const { context } = examples[0]!.window!.question;
  const codePoints = (offset: number): number => Array.from(context.slice(0, offset)).length;
  return { label: text, scores: { score }, span: { start: codePoints(start), end: codePoints(end) } };
}

function labelOf(model: Model, logits: Float32Array): Prediction {
  if (headOutputs(model) === 1) return { label: 'score', scores: { score: logits[0]! } };
  const names = model.config.id2label ?? {};
  const label = (index: number): string => names[String(index)] ?? `LABEL_${index}`;
  const chances = probabilities(logits);
  const best = chances.indexOf(Math.max(...chances));
  return {
    label: label(best),
    scores: Object.fromEntries(chances.map((chance, index) => [label(index), chance])),
  };
}
