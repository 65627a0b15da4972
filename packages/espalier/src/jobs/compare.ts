// The grid of a paper's table: models x recipes x sparsities x tasks x seeds, each cell a run of the main job in a
// folder of its own. A cell that fails or is killed loses no other; what is finished is not done again.
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { loadTaskData, type LoadedTask } from '../data/tasks.js';
import { defined } from '../defined.js';
import { Interrupted, UsageError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { ioError } from '../io/io-error.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import { hasOption, parseRecipe, type Recipe, recipeSchema, setOption } from '../recipe/recipe.js';
import type { RunControl } from '../recipe/run.js';
import {
  type Cell,
  type Comparison,
  DENSE_ROW,
  type FailedCell,
  isCorrelation,
  summariseCells,
} from '../report/comparison.js';
import { renderComparison } from '../report/comparison-tables.js';
import {
  cellFolder,
  cellsOf,
  type CellPlan,
  checkGrid,
  dropModel,
  placeOf,
  plainName,
  runCell,
  type Subject,
  writeSharedOptions,
} from './compare-cells.js';
import { denseSource } from './compress.js';
import { checkUnlocked, withLock } from './folder-lock.js';
import { checkInputs } from './inputs.js';
import {
  checkDevice,
  computeSchema,
  dataSchema,
  LARGEST_SEED,
  modelHash,
  parseOptions,
  parseSettings,
  trainingSchema,
} from './task-run.js';

export const compareSchema = z.strictObject({
  ...computeSchema.shape,
  ...dataSchema.omit({ task: true, docStride: true, stride: true }).shape,
  ...trainingSchema.omit({ evalEvery: true, keepCheckpoints: true }).shape,
  models: z.array(z.string()).min(1).describe('directories in Hugging Face layout, or Hub ids'),
  tasks: z.array(z.string()).min(1).describe('task names'),
  recipes: z.array(recipeSchema).min(1).describe('recipe data'),
  sparsities: z.array(z.number().gt(0).lt(1)).min(1).describe('for recipes that take a sparsity'),
  seeds: z.int().positive().default(3).describe('how many seeds, from `seed` on'),
  onnx: z.boolean().default(false).describe('also make and score an int8 file in every cell'),
  pack: z.boolean().default(true).describe('also write and score a packed file in every cell'),
  keepModels: z.boolean().default(false).describe('leave the model of every cell in its folder'),
  out: z.string().describe('output directory'),
});

export type CompareOptions = z.input<typeof compareSchema>;
export type CompareSettings = z.output<typeof compareSchema>;

export interface CompareResult extends Comparison {
  readonly schema: 'espalier-compare-1';
  readonly out: string;
  readonly cells: readonly Cell[];
  readonly failed: readonly FailedCell[];
}

/** Runs what is missing of a grid and tabulates all of it; the tables are written anew after every cell. */
export async function compare(input: CompareOptions, control: RunControl): Promise<CompareResult> {
  const options = parseOptions(compareSchema, input, 'compare');
  const { out } = options;
  parseSettings(options.settings);
  await checkDevice(options.device, control);
  await checkUnlocked(out);
  checkFolder(options);
  checkSeeds(options);
  const plans = await planCells(options);
  return withLock(out, () => runGrid(plans, options, control));
}

async function runGrid(
  plans: readonly CellPlan[],
  options: CompareSettings,
  control: RunControl,
): Promise<CompareResult> {
  const { out } = options;
  checkFolder(options); // again: only now is it this run's alone
  if (options.resume) await checkGrid(plans, options);
  await keepGridInputs(options, plans);
  if (options.overwrite) await rm(cellsOf(out), { recursive: true, force: true });
  await mkdir(cellsOf(out), { recursive: true }).catch((cause: unknown) => {
    throw ioError(cause, 'writing', out);
  });
  await writeSharedOptions(options);

  const tasks = [...new Set(plans.map(({ task }) => task.task))].map(({ name, metrics }) => ({
    ...{ name, metric: metrics[0]!, correlation: isCorrelation(metrics[0]!) },
  }));
  const cells: Cell[] = [];
  const failed: FailedCell[] = [];
  const write = async (): Promise<CompareResult> => {
    const comparison = summariseCells(tasks, cells);
    const result = { schema: 'espalier-compare-1' as const, out, ...comparison, cells, failed };
    await writeFileAtomic(join(out, 'compare.md'), renderComparison(comparison, failed));
    await writeFileAtomic(join(out, 'compare.json'), `${JSON.stringify(result, null, 2)}\n`);
    return result;
  };
  for (const [index, plan] of plans.entries()) {
    const place = `cell ${index + 1} of ${plans.length}: ${placeOf(plan.key)}`;
    const note = (message: string): void => control.onEvent({ type: 'note', message });
    note(place);
    try {
      cells.push({ ...plan.key, ...(await runCell(plan, options, control)) });
    } catch (cause) {
      if (cause instanceof Interrupted) throw cause;
      const error = cause instanceof Error ? cause.message : String(cause);
      note(`${place} failed: ${error}`);
      failed.push({ ...plan.key, error });
    }
    await write();
  }
  // Dense models are what every cell compares with: they go last.
  if (!options.keepModels) for (const { key } of plans) await dropModel(cellFolder(out, key));
  return write();
}

/** A grid goes on with --resume only, so that nothing is mixed by accident. */
function checkFolder({ out, resume, overwrite }: CompareSettings): void {
  if (resume && overwrite) throw new UsageError('--resume and --overwrite exclude each other: give one');
  if (resume || overwrite || !existsSync(cellsOf(out))) return;
  throw new UsageError(
    `${out} already holds a comparison; continue or extend it with --resume, or replace it with --overwrite`,
  );
}

function checkSeeds({ seed, seeds }: CompareSettings): void {
  const last = seed + seeds - 1;
  if (last <= LARGEST_SEED) return;
  throw new UsageError(
    `--seed ${seed} --seeds ${seeds}: expected seeds of at most ${LARGEST_SEED}, found a last one of ${last}`,
  );
}

/** Throws UsageError where the grid would remove what it reads: its cells anew, or models as cells are finished. */
async function keepGridInputs(
  { out, overwrite }: CompareSettings,
  plans: readonly CellPlan[],
): Promise<void> {
  const paths = overwrite ? [cellsOf(out)] : plans.map(({ key }) => cellFolder(out, key));
  const inputs = plans.flatMap(({ subject, dense, task }) => [
    ['--model', subject.path] as const,
    ['--model', dense?.path] as const,
    ...task.files.map(({ path }) => ['--data', path] as const),
  ]);
  const unique = [...new Map(inputs.map((input) => [input[1], input])).values()];
  await checkInputs({ paths, out, because: overwrite ? '--overwrite' : 'its cells' }, unique);
}

/** Names that tell apart, those that repeat with a number; none is one of `taken`, and folders are of plain names. */
function labelsOf(names: readonly string[], taken: readonly string[] = []): string[] {
  const used = new Set(taken.map(plainName));
  return names.map((name) => {
    let label = name;
    for (let number = 2; used.has(plainName(label)); number++) label = `${name}-${number}`;
    used.add(plainName(label));
    return label;
  });
}

/** Models with labels that tell them apart: the last part of the path, numbered where it repeats. */
async function loadSubjects(paths: readonly string[]): Promise<Subject[]> {
  const labels = labelsOf(paths.map((path) => basename(path)));
  const subjects: Subject[] = [];
  for (const [index, path] of paths.entries()) {
    const model = await loadCheckpoint(path);
    subjects.push({ label: labels[index]!, path, model, hash: modelHash(model) });
  }
  return subjects;
}

/** A recipe at a sparsity that it takes, under a label that no other one of the grid has. */
interface Variant {
  readonly recipe: Recipe;
  readonly label: string;
  readonly sparsity: number | null;
}

function variantsOf({ recipes, sparsities }: CompareSettings): Variant[] {
  const parsed = recipes.map((recipe) => parseRecipe(recipe, recipe.name));
  const labels = labelsOf(
    parsed.map(({ name }) => name),
    [DENSE_ROW],
  );
  return parsed.flatMap((recipe, index): Variant[] => {
    const label = labels[index]!;
    if (!hasOption(recipe, 'sparsity')) return [{ recipe, label, sparsity: null }];
    return sparsities.map((sparsity) => ({
      ...{ recipe: setOption(recipe, 'sparsity', sparsity), label, sparsity },
    }));
  });
}

/** Every cell in order. Seeds are outermost: after the first of them the whole table exists. */
async function planCells(options: CompareSettings): Promise<CellPlan[]> {
  const { seed: first, seeds, data } = options;
  const variants = variantsOf(options);
  const subjects = await loadSubjects(options.models);
  const tasks: LoadedTask[] = [];
  for (const task of options.tasks) tasks.push(await loadTaskData(defined({ ...options, task, dir: data })));
  const plans: CellPlan[] = [];
  for (let seed = first; seed < first + seeds; seed++) {
    for (const subject of subjects) {
      for (const task of tasks) {
        const dense = await denseSource(subject.model, task.task);
        const plan = ({ recipe, label, sparsity }: Partial<Variant>): CellPlan => ({
          key: {
            model: subject.label,
            task: task.task.name,
            recipe: label ?? DENSE_ROW,
            sparsity: sparsity ?? null,
            seed,
          },
          ...{ subject, task, recipe, dense },
        });
        if (dense) plans.push(plan({}));
        plans.push(...variants.map(plan));
      }
    }
  }
  return plans;
}
