// What finetune, compress and evaluate share: options of a task run, loading and tokenising, the fingerprint.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Example, Padding, RawExample, Task, TaskData } from '../data/example.js';
import { limitExamples, splitTrain } from '../data/splits.js';
import { SPAN_LENGTH } from '../data/squad/examples.js';
import { STRIDES } from '../data/squad/windows.js';
import { loadTaskData } from '../data/tasks.js';
import { loadTokenizer } from '../data/tokenizer.js';
import { defined } from '../defined.js';
import { type Device, DEVICES, resolveDevice } from '../engine/devices.js';
import { EspalierError, UsageError } from '../errors.js';
import { flagOf } from '../flag.js';
import { describeIssue } from '../invalid.js';
import { loadModel } from '../models/adapter.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import { familyOf, longestInput, padSideOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { hasHead, headMismatch } from '../models/task-model.js';
import type { RunControl } from '../recipe/run.js';
import { settingsSchema, type TrainingSettings } from '../train/settings.js';
import type { VocabularyCut } from './cut-vocabulary.js';
import { inLabelOrder } from './label-order.js';
import { prepareExamples, type Split } from './prepare-examples.js';
import { withTokenizerJson } from './tokenizer-json.js';

/** Seeds are words of 32 bits. */
export const LARGEST_SEED = 2 ** 32 - 1;

/** Sessions with many more threads than cores take minutes for a step, in which no signal is seen. */
const MOST_THREADS = 256;

/** Options of every job that computes. */
export const computeSchema = z.strictObject({
  seed: z.int().min(0).max(LARGEST_SEED).default(0).describe('seed of everything random'),
  threads: z.int().positive().max(MOST_THREADS).default(2).describe('threads of ONNX Runtime'),
  device: z.enum(DEVICES).default('cpu').describe('execution provider'),
});

/** Where the base of an adapter lies now. */
export const baseOption = z
  .string()
  .optional()
  .describe('base model of an adapter, where it is not where it was');

/** Which labelled data a job reads. */
export const dataSchema = z.strictObject({
  task: z.string().describe('task name'),
  data: z.string().describe("the task's folder, or a root with the official folder names"),
  textField: z.string().optional(),
  pairField: z.string().optional(),
  labelField: z.string().optional(),
  docStride: z
    .int()
    .positive()
    .optional()
    .describe(
      'tokens between two windows over a context (squad); default 128, or a third of a shorter maxLength',
    ),
  stride: z
    .enum(STRIDES)
    .optional()
    .describe('what docStride counts: how far windows advance (default), or how much they overlap'),
});

/** Options of every job that trains. */
export const trainingSchema = z.strictObject({
  settings: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('training settings that differ from the defaults'),
  limit: z.int().positive().optional().describe('first N training examples after the seeded shuffle'),
  evalEvery: z.int().positive().optional().describe('evaluate on dev every N steps'),
  checkpointEvery: z.int().positive().default(200).describe('steps between checkpoints'),
  select: z.enum(['last', 'best']).default('last').describe('which weights of a stage are kept'),
  resume: z.boolean().default(false),
  overwrite: z.boolean().default(false),
  keepCheckpoints: z.boolean().default(false),
});

export type DataOptions = z.infer<typeof dataSchema>;
export type ComputeOptions = z.infer<typeof computeSchema>;

/** A model with its tokenised task. */
export interface LoadedRun extends Padding {
  readonly model: Model;
  readonly task: Task;
  readonly train: readonly Example[];
  readonly held: readonly Example[];
  readonly dev: readonly Example[];
  readonly files: TaskData['files'];
  /** Tokens per example at most. */
  readonly maxLength: number;
  /** Where the vocabulary was pruned before all this. */
  readonly vocabulary?: VocabularyCut;
}

export type LoadedDev = Omit<LoadedRun, 'train' | 'held'>;

export interface LoadOptions extends DataOptions, Omit<TokenizeOptions, 'maxLength'> {
  readonly model: string;
  /** Default: that of the task. */
  readonly maxLength?: number | undefined;
}

export interface TokenizeOptions extends Pick<DataOptions, 'docStride' | 'stride'> {
  readonly seed: number;
  readonly maxLength: number;
  readonly limit?: number | undefined;
  readonly select?: 'last' | 'best' | undefined;
}

/** Fraction of train that `select: best` chooses on. */
const HELD_FRACTION = 0.1;

/** Validates job options; the first problem becomes a UsageError that names the option. */
export function parseOptions<T>(schema: z.ZodType<T>, options: unknown, job: string): T {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const path = issue.path.join('.');
  const where = path === '' ? 'options' : `option "${path}"`;
  throw new UsageError(`${job}, ${where}${inBrackets(path)}: ${describeIssue(issue, options)}`);
}

/** Options of jobs whose flags have other names, or none but `--set`. */
const FLAGS: Readonly<Record<string, string>> = {
  ...{ models: '--model', tasks: '--task', sparsities: '--sparsity' },
  ...Object.fromEntries(
    ['schedule', 'decay', 'betas', 'epsilon', 'clip', 'dropout'].map((name) => [name, `--set ${name}=...`]),
  ),
};

/** The flag of the command line for an option of a job, in brackets. */
function inBrackets(path: string): string {
  const [name] = path.split('.');
  if (!name) return '';
  return ` (${FLAGS[name] ?? flagOf(name)})`;
}

/** Fails before anything is written when the device does not work here; says what 'auto' chose. */
export async function checkDevice(device: Device, control: RunControl): Promise<void> {
  await resolveDevice(device, { note: (message) => control.onEvent({ type: 'note', message }) });
}

/** The model with a task's examples, labels in the order of its head. */
export async function withData(
  model: Model,
  options: DataOptions,
): Promise<{ model: Model; data: TaskData }> {
  familyOf(model.config);
  const data = await loadTaskData(defined({ ...options, dir: options.data }));
  const { docStride, stride } = options;
  if (data.task.kind !== 'span' && (docStride ?? stride) !== undefined) {
    throw new UsageError(
      `--${docStride === undefined ? 'stride' : 'doc-stride'} is for windows over the contexts of squad; found --task ${data.task.name}`,
    );
  }
  return { model, data: inLabelOrder(model, data) };
}

/** What may change the model once its task is read; `again` tokenises the task for another model. */
export type Transform = (
  loaded: LoadedRun,
  data: TaskData,
  again: (model: Model) => LoadedRun,
) => Promise<LoadedRun>;

/** Model and task of a job that trains. */
export async function loadRun(
  options: LoadOptions,
  control: RunControl,
  transform?: Transform,
): Promise<LoadedRun> {
  const { model, data } = await withData(await loadCheckpoint(options.model), options);
  const byDefault =
    data.task.kind === 'span' ? evaluationLength(model, data.task, undefined) : parseSettings({}).maxLength;
  const maxLength = options.maxLength ?? byDefault;
  const tokenised = (of: Model): LoadedRun => tokenizeRun(of, data, { ...options, maxLength }, control);
  const loaded = tokenised(model);
  return transform ? transform(loaded, data, tokenised) : loaded;
}

/** Tokens per example where neither the user nor the model's positions say less. */
const EVALUATION_LENGTH = 128;

export const evaluationLength = (
  { config }: Model,
  { kind }: Pick<Task, 'kind'>,
  asked: number | undefined,
): number => asked ?? Math.min(kind === 'span' ? SPAN_LENGTH : EVALUATION_LENGTH, longestInput(config));

/** Model and dev split of a job that scores a model with a head; the train split is not tokenised. */
export async function loadDev(
  options: DataOptions & {
    readonly model: string;
    readonly base?: string | undefined;
    readonly maxLength?: number | undefined;
  },
  control: RunControl,
): Promise<LoadedDev> {
  const { model, data } = await withData(await loadModel(options.model, options.base), options);
  if (!hasHead(model, data.task)) {
    throw new UsageError(
      `${model.source} has no head for task "${data.task.name}": ${headMismatch(model, data.task)}; ` +
        'fine-tune it first',
    );
  }
  const maxLength = evaluationLength(model, data.task, options.maxLength);
  const { docStride, stride } = options;
  return tokenizeRun(model, { ...data, train: [] }, { seed: 0, maxLength, docStride, stride }, control);
}

/** Tokenises a task for a model. Throws when the tokenizer does not fit the model or the length does not. */
export function tokenizeRun(
  model: Model,
  data: TaskData,
  options: TokenizeOptions,
  control: RunControl,
): LoadedRun {
  const { seed, maxLength, limit, select } = options;
  const tokenizer = loadTokenizer(model.tokenizerFiles, model.source);
  const rows = model.config.vocab_size;
  const positions = longestInput(model.config);
  if (tokenizer.vocabSize > rows) {
    throw new EspalierError(
      `${model.source}: the tokenizer has ${tokenizer.vocabSize} pieces, the embedding table ${rows} rows; ` +
        'the tokenizer files belong to another model',
    );
  }
  if (maxLength > positions) {
    throw new UsageError(
      `--max-length ${maxLength} is beyond the model's ${positions} positions; give ${positions} or less`,
    );
  }
  const limited = limit === undefined ? data.train : limitExamples(data.train, limit, seed);
  const split = select === 'best' ? splitTrain(limited, HELD_FRACTION, seed) : { train: limited, held: [] };
  const count = split.train.length + split.held.length + data.dev.length;
  if (count > 20_000) control.onEvent({ type: 'note', message: `tokenising ${count} examples` });
  const prepare = (raw: readonly RawExample[], split: Split): readonly Example[] =>
    prepareExamples(data.task, tokenizer, raw, { ...options, split }, control);
  return {
    model: withTokenizerJson(model, tokenizer),
    task: data.task,
    train: prepare(split.train, 'train'),
    held: prepare(split.held, 'held-out'),
    dev: prepare(data.dev, 'dev'),
    padId: tokenizer.padId,
    padSide: padSideOf(model.config),
    files: data.files,
    maxLength,
  };
}

/** Training settings with defaults. */
export const parseSettings = (partial: Readonly<Record<string, unknown>>): TrainingSettings =>
  parseOptions(settingsSchema, partial, 'training');

/** The length that settings ask for; undefined where they leave it to the task. */
export function askedLength(settings: Readonly<Record<string, unknown>>): number | undefined {
  const { maxLength } = parseSettings(settings);
  return settings['maxLength'] === undefined ? undefined : maxLength;
}

/** Training settings with defaults, and the steps of the whole run. */
export function resolveSettings(
  partial: Readonly<Record<string, unknown>>,
  stepsPerEpoch: (settings: TrainingSettings) => number,
): { settings: TrainingSettings; totalSteps: number } {
  const settings = parseSettings(partial);
  const totalSteps = settings.steps ?? Math.max(1, Math.round(settings.epochs * stepsPerEpoch(settings)));
  return { settings, totalSteps };
}

/** A hash over everything that decides a run's result: what must be equal for a resume. */
export const fingerprintOf = (parts: unknown): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');

/** A hash over tokenised examples: it covers the choice of fields, the limit and the tokenizer too. */
export function examplesHash(examples: readonly Example[]): string {
  const hash = createHash('sha256');
  for (const { ids, typeIds, label, window } of examples) {
    hash
      .update(ids)
      .update(typeIds)
      .update(`${window ? `${window.start} ${window.end}` : label};`);
  }
  return hash.digest('hex');
}

/** A hash over the weights of a model, and over their scales where it is quantised. */
export function modelHash(model: Model): string {
  const hash = createHash('sha256');
  for (const [name, { data }] of [...model.tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  if (model.quantisation) hash.update(JSON.stringify(model.quantisation));
  return hash.digest('hex');
}
