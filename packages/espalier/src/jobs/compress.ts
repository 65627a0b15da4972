// The main job: a model and a task in; a compressed model in Hugging Face layout, its report and its log out.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import type { Model } from '../models/model.js';
import { hasHead } from '../models/task-model.js';
import { DENSE } from '../recipe/builtin.js';
import { parseRecipe, type Recipe, recipeSchema } from '../recipe/recipe.js';
import { type RunControl, runRecipe } from '../recipe/run.js';
import type { Report } from '../report/report.js';
import { prepareOutput } from './output.js';
import {
  checkDevice,
  computeSchema,
  dataSchema,
  type LoadedRun,
  loadRun,
  parseOptions,
  resolveSettings,
  trainingSchema,
} from './task-run.js';
import { startRun, type TrainingRun, writeRun } from './training-run.js';

export const compressSchema = z.strictObject({
  ...dataSchema.shape,
  ...computeSchema.shape,
  ...trainingSchema.shape,
  model: z.string().describe('directory in Hugging Face layout, or a Hub id'),
  recipe: recipeSchema.describe('recipe data'),
  out: z.string().describe('output directory'),
  teacher: z.string().optional().describe('dense model of the task to distil from'),
  dense: z.string().nullish().describe('dense model of the task to compare with; null compares with none'),
  onnx: z.boolean().default(false).describe('also write onnx/model.onnx'),
});

export type CompressOptions = z.input<typeof compressSchema>;

/** Compresses a model on a task, from files. Progress goes to `control`. */
export async function compress(input: CompressOptions, control: RunControl): Promise<Report> {
  const options = parseOptions(compressSchema, input, 'compress');
  const recipe = parseRecipe(options.recipe, options.recipe.name);
  const settings = { ...recipe.training, ...options.settings };
  const { maxLength } = resolveSettings(settings, 1).settings;
  await checkDevice(options.device, control);
  await prepareOutput(options.out, options);
  const loaded = await loadRun({ ...options, maxLength }, control);
  return compressLoaded(loaded, { ...options, recipe, settings }, control);
}

/** Compresses a model whose task is already in memory; `options.out` is prepared. */
export async function compressLoaded(
  loaded: LoadedRun,
  options: z.output<typeof compressSchema>,
  control: RunControl,
): Promise<Report> {
  const { recipe } = options;
  const run = startRun(loaded, options, recipe, control);
  const dense = options.dense === null ? undefined : await denseModel(loaded, options.dense, run);
  const denseScores = dense && (await run.score(dense));
  const teacher = options.teacher === undefined ? dense : await loadCheckpoint(options.teacher);
  if (teacher && !hasHead(teacher, loaded.task)) {
    throw new UsageError(
      `${teacher.source} cannot be the teacher: it has no head for task "${loaded.task.name}"`,
    );
  }
  const result = await runRecipe(run.base, recipe, { ...run.stages, teacher });
  return writeRun(loaded, run, result, options, denseScores, targetSparsity(recipe));
}

/**
 * The dense model that the result is compared with and distilled from: the one named, the model itself when it
 * already has a head for the task, otherwise one fine-tuned here with the recipe's own number of steps.
 */
async function denseModel(loaded: LoadedRun, named: string | undefined, run: TrainingRun): Promise<Model> {
  if (named !== undefined) return loadCheckpoint(named);
  if (hasHead(loaded.model, loaded.task)) return run.base;
  return (await runRecipe(run.base, DENSE, { ...run.stages, log: undefined })).model;
}

/** The sparsity a recipe aims at: that of its last method that has one. */
function targetSparsity({ stages }: Recipe): number | null {
  const targets = stages.flatMap(({ methods }) => methods.map((method) => method['sparsity']));
  return targets.findLast((target) => typeof target === 'number') ?? null;
}
