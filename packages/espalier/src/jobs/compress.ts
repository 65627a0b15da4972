// The main job: a model and a task in; a compressed model in Hugging Face layout, its report and its log out.
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import type { Model } from '../models/model.js';
import { hasHead } from '../models/task-model.js';
import { DENSE } from '../recipe/builtin.js';
import { parseRecipe, type Recipe, recipeSchema } from '../recipe/recipe.js';
import { type RunControl, runRecipe } from '../recipe/run.js';
import type { Report } from '../report/report.js';
import { finetuneSchema } from './finetune.js';
import { hasLabelOrder } from './label-order.js';
import { checkOutput } from './output.js';
import { checkDevice, type LoadedRun, loadRun, parseOptions, resolveSettings } from './task-run.js';
import { startRun, type TrainingRun, writeRun } from './training-run.js';

export const compressSchema = z.strictObject({
  ...finetuneSchema.shape,
  recipe: recipeSchema.describe('recipe data'),
  teacher: z.string().optional().describe('dense model of the task to distil from'),
  dense: z.string().nullish().describe('dense model of the task to compare with; null compares with none'),
});

export type CompressOptions = z.input<typeof compressSchema>;

/** Compresses a model on a task, from files. Progress goes to `control`. */
export async function compress(input: CompressOptions, control: RunControl): Promise<Report> {
  const options = parseOptions(compressSchema, input, 'compress');
  const recipe = parseRecipe(options.recipe, options.recipe.name);
  const settings = { ...recipe.training, ...options.settings };
  const { maxLength } = resolveSettings(settings, 1).settings;
  await checkDevice(options.device, control);
  await checkOutput(options);
  const loaded = await loadRun({ ...options, maxLength }, control);
  return compressLoaded(loaded, { ...options, recipe, settings }, control);
}

/** Compresses a model whose task is already in memory. */
export async function compressLoaded(
  loaded: LoadedRun,
  options: z.output<typeof compressSchema>,
  control: RunControl,
): Promise<Report> {
  const { recipe } = options;
  const [namedDense, namedTeacher] = [
    await finetunedModel(options.dense ?? undefined, '--dense', loaded),
    await finetunedModel(options.teacher, '--teacher', loaded),
  ];
  const run = await startRun(loaded, options, recipe, control, [namedDense, namedTeacher]);
  if (run.finished) return run.finished;
  const dense = options.dense === null ? undefined : (namedDense ?? (await denseModel(loaded, run)));
  const compared = dense && { model: dense, scores: await run.score(dense) };
  const result = await runRecipe(run.base, recipe, { ...run.stages, teacher: namedTeacher ?? dense });
  return writeRun(loaded, run, result, options, compared, targetSparsity(recipe));
}

/** The model an option names, which must have been fine-tuned on the task. */
async function finetunedModel(
  source: string | undefined,
  option: string,
  { task, model: base }: LoadedRun,
): Promise<Model | undefined> {
  if (source === undefined) return undefined;
  const model = await loadCheckpoint(source);
  if (!hasHead(model, task)) {
    throw new UsageError(`${option} ${source} has no head for task "${task.name}"; fine-tune it first`);
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
async function denseModel(loaded: LoadedRun, run: TrainingRun): Promise<Model> {
  if (hasHead(loaded.model, loaded.task)) return run.base;
  const { checkpoints } = run.stages;
  // A folder of its own: a recipe may be called "dense" too.
  const stages = { ...run.stages, log: undefined, checkpoints: checkpoints && join(checkpoints, 'teacher') };
  return (await runRecipe(run.base, DENSE, stages)).model;
}

/** The sparsity a recipe aims at: that of its last method that has one. */
function targetSparsity({ stages }: Recipe): number | null {
  const targets = stages.flatMap(({ methods }) => methods.map((method) => method['sparsity']));
  return targets.findLast((target) => typeof target === 'number') ?? null;
}
