// The main job: a model and a task in; a compressed model in Hugging Face layout, its report and its log out.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Task } from '../data/example.js';
import { UsageError } from '../errors.js';
import { readJson } from '../io/json.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import type { Model } from '../models/model.js';
import { hasHead, headMismatch, withHead } from '../models/task-model.js';
import { DENSE } from '../recipe/builtin.js';
import {
  atRate,
  parseRecipe,
  type Recipe,
  recipeSchema,
  targetSparsity,
  transforms,
  withoutDistillation,
} from '../recipe/recipe.js';
import { type RunControl, runRecipe } from '../recipe/run.js';
import { measureSparsity, type Report } from '../report/report.js';
import { adapterMethod, checkAdapter } from './adapters.js';
import { cutAlike, cutRun, vocabularyOptions } from './cut-vocabulary.js';
import { finetuneSchema } from './finetune.js';
import { withLock } from './folder-lock.js';
import { hasLabelOrder } from './label-order.js';
import { checkOutput, keepInputs } from './output.js';
import { packSchema } from './pack-options.js';
import { checkSearchable, searchSchedule } from './schedule-search.js';
import {
  askedLength,
  checkDevice,
  type LoadedRun,
  loadRun,
  parseOptions,
  parseSettings,
  type Transform,
} from './task-run.js';
import { checkGate, type RunInput, startRun, taskInput, type TrainingRun, writeRun } from './training-run.js';

export const compressSchema = z.strictObject({
  ...finetuneSchema.shape,
  ...packSchema.shape,
  pack: z.boolean().default(true).describe('write model.espalier, where the runtime computes such a model'),
  maxDrop: z
    .number()
    .min(0)
    .optional()
    .describe('points that the packed file, or without one the model, may score below the dense model'),
  recipe: recipeSchema.describe('recipe data'),
  teacher: z.string().optional().describe('dense model of the task to distil from'),
  merge: z.boolean().default(false).describe('write a whole model where the recipe leaves an adapter'),
  dense: z.string().nullish().describe('dense model of the task to compare with; null compares with none'),
  search: z
    .boolean()
    .default(false)
    .describe('structured: try every schedule and keep the best on a split cut from train'),
});

export type CompressOptions = z.input<typeof compressSchema>;

/** Compresses a model on a task, from files. Progress goes to `control`. */
export async function compress(input: CompressOptions, control: RunControl): Promise<Report> {
  const options = parseOptions(compressSchema, input, 'compress');
  const recipe = atRate(parseRecipe(options.recipe, options.recipe.name), options.settings['lr'], 'finetune');
  if (options.search) checkSearchable(recipe);
  const settings = { ...recipe.training, ...options.settings };
  const maxLength = askedLength(settings);
  checkAdapter(adapterMethod(recipe), options);
  await checkDevice(options.device, control);
  await checkOutput(options);
  const { model, dense, teacher } = options;
  await keepInputs(options, [
    ['--model', model],
    ['--dense', dense],
    ['--teacher', teacher],
  ]);
  const select = options.search ? 'best' : options.select; // both need examples that are held out
  const cut: Transform = (whole, data, again) =>
    cutRun(whole, data, again, vocabularyOptions(recipe), control);
  const load = { ...options, maxLength, select };
  const loaded = await loadRun(load, control, transforms(recipe) ? cut : undefined);
  return compressLoaded(loaded, { ...options, recipe, settings }, control);
}

/** Compresses a model whose task is already in memory. */
export const compressLoaded: typeof compressHeld = (loaded, options, control) =>
  withLock(options.out, () => compressHeld(loaded, options, control));

async function compressHeld(
  loaded: LoadedRun,
  options: z.output<typeof compressSchema>,
  control: RunControl,
): Promise<Report> {
  checkPretrained(options.recipe, loaded.model);
  checkTransformed(options.recipe, loaded);
  const [namedDense, namedTeacher] = [
    await finetunedModel(options.dense ?? undefined, '--dense', loaded),
    await finetunedModel(options.teacher, '--teacher', loaded),
  ];
  const denseBase = await denseBaseOf(loaded, options.seed, control);
  const recipe =
    denseBase || namedDense || namedTeacher ? options.recipe : withoutDistillation(options.recipe);
  const { dropout } = parseSettings(options.settings);
  const input = runInput(loaded, options, dropout);
  const others = {
    '--dense': namedDense,
    '--teacher': namedTeacher,
    'the dense model of --model': denseBase === loaded.model ? undefined : denseBase,
  };
  const run = await startRun(input, options, recipe, control, others);
  if (run.finished) return checkGate(run.finished, options.out);
  const dense =
    options.dense === null
      ? undefined
      : (namedDense ?? (denseBase && (await denseModel(denseBase, loaded, run))));
  if (options.maxDrop !== undefined && !dense) {
    throw new UsageError(
      `--max-drop ${options.maxDrop}: there is no dense model to compare with; name one with --dense`,
    );
  }
  const compared = dense && { model: dense, scores: await run.score(dense) };
  const { num_hidden_layers: layers } = input.base.config;
  const stages = { ...run.stages, teacher: namedTeacher ?? dense };
  if (!options.search) {
    const result = await runRecipe(input.base, recipe, stages);
    const { vocabulary } = loaded;
    const more = vocabulary && { vocabulary: vocabulary.report };
    return writeRun(run, result, options, compared, targetSparsity(recipe, layers), more);
  }
  const place = { out: options.out, heldRows: loaded.held.length };
  const found = await searchSchedule(input.base, recipe, stages, place);
  const chosen = { ...run, recipe: found.recipe };
  return writeRun(chosen, found.result, options, compared, targetSparsity(found.recipe, layers), {
    search: found.search,
  });
}

/** What is trained on. A search holds examples out too, but runs choose weights on them only where asked to. */
function runInput(
  loaded: LoadedRun,
  { seed, search, select, merge, recipe, ...options }: z.output<typeof compressSchema>,
  dropout: number | undefined,
): RunInput {
  const { pack, values, embeddings, gate, keep, maxDrop } = options;
  const method = merge ? undefined : adapterMethod(recipe);
  const input = {
    ...taskInput(loaded, seed, dropout),
    packing: { pack, values, embeddings, gate, keep, maxDrop },
    ...(method && { adapter: { method, base: loaded.model, task: loaded.task } }),
  };
  if (!search) return input;
  return {
    ...input,
    workload: { ...input.workload, selects: select === 'best' },
    identity: { search, of: input.identity },
  };
}

/** A recipe that begins in pre-training goes on from a model that was pruned there. */
function checkPretrained(recipe: Recipe, model: Model): void {
  const begins = recipe.stages.some(({ stage }) => stage === 'pretrain');
  if (!begins || measureSparsity(model, null).encoder > 0) return;
  throw new UsageError(
    `recipe "${recipe.name}" prunes in pre-training, and ${model.source} is dense; prune it first with ` +
      `"espalier pretrain --recipe ${recipe.name} --init ${model.source} --corpus TEXT --out DIR"`,
  );
}

/** A recipe that trains nothing needs a model that has been trained; one that transforms, data that can follow. */
function checkTransformed({ name, stages }: Recipe, { model, task, vocabulary }: LoadedRun): void {
  if (!stages.some(({ stage }) => stage === 'transform')) return;
  if (!vocabulary) {
    throw new UsageError(
      `recipe "${name}" prunes the vocabulary before text becomes ids; run it by "espalier compress"`,
    );
  }
  if (stages.some(({ stage }) => stage !== 'transform') || hasHead(model, task)) return;
  throw new UsageError(
    `recipe "${name}" trains nothing, and ${model.source} has no head for task "${task.name}"; fine-tune it first, or ` +
      'give the recipe a stage that trains',
  );
}

/** Where the dense model of a comparison comes from. */
export interface DenseSource {
  readonly path: string;
  /** It has a head for the task and is compared with as it is. */
  readonly trained: boolean;
}

/**
 * The model itself, unless it came sparse from pre-training; then the dense one that pre-training recorded, if it is
 * still there.
 */
export async function denseSource(model: Model, task: Task): Promise<DenseSource | undefined> {
  const trained = hasHead(model, task);
  if (trained || measureSparsity(model, null).encoder === 0) return { path: model.source, trained };
  const recorded = await recordedDense(model.source);
  return recorded !== undefined && existsSync(recorded) ? { path: recorded, trained: false } : undefined;
}

/** The model that the dense comparison is fine-tuned from. */
async function denseBaseOf(
  { model, task, vocabulary }: LoadedRun,
  seed: number,
  control: RunControl,
): Promise<Model | undefined> {
  const source = await denseSource(model, task);
  if (source?.path === model.source) return model;
  if (source) return withHead(cutAlike(await loadCheckpoint(source.path), vocabulary), task, seed);
  const recorded = await recordedDense(model.source);
  const message =
    `${model.source} is sparse and its dense model is ${recorded ?? 'not recorded'}` +
    `${recorded === undefined ? '' : ', which is gone'}: trained on labels alone, without a dense model beside; ` +
    'name one with --dense or --teacher';
  control.onEvent({ type: 'note', message, warning: true });
  return undefined;
}

const recordSchema = z.object({ dense: z.string().optional() });

/** Path of the dense model that the report of pre-training names. */
async function recordedDense(source: string): Promise<string | undefined> {
  const path = join(source, 'report.json');
  if (!existsSync(path)) return undefined;
  return recordSchema.safeParse(await readJson(path)).data?.dense;
}

/** The model an option names, which must have been fine-tuned on the task. */
async function finetunedModel(
  source: string | undefined,
  option: string,
  { task, model: base, vocabulary }: LoadedRun,
): Promise<Model | undefined> {
  if (source === undefined) return undefined;
  const model = cutAlike(await loadCheckpoint(source), vocabulary);
  if (!hasHead(model, task)) {
    throw new UsageError(
      `${option} ${source} has no head for task "${task.name}": ${headMismatch(model, task)}; fine-tune it first`,
    );
  }
  if (model.config.vocab_size !== base.config.vocab_size) {
    throw new UsageError(
      `${option} ${source} has another vocabulary: expected ${base.config.vocab_size} pieces, found ` +
        `${model.config.vocab_size}; it would read other words from the same ids`,
    );
  }
  if (hasLabelOrder(model, task)) return model;
  throw new UsageError(
    `${option} ${source} numbers the labels otherwise: expected ${task.labels.join(', ')}; fine-tune it on this task`,
  );
}

/**
 * The dense model that the result is compared with and distilled from where none is named: the model itself when it
 * already has a head for the task, otherwise one fine-tuned here with the recipe's own number of steps.
 */
async function denseModel(from: Model, { model, task }: LoadedRun, run: TrainingRun): Promise<Model> {
  const { base } = run.input;
  if (hasHead(model, task)) return base;
  const { checkpoints } = run.stages;
  // A folder of its own: a recipe may be called "dense" too.
  const stages = { ...run.stages, log: undefined, checkpoints: checkpoints && join(checkpoints, 'teacher') };
  return (await runRecipe(from === model ? base : from, DENSE, stages)).model;
}
