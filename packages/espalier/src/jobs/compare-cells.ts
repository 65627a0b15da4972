// One cell of a comparison: its place on disk, what decides it, and its run, which goes on where it was killed.
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { z } from 'zod';
import type { LoadedTask } from '../data/tasks.js';
import { EspalierError, UsageError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { readJson } from '../io/json.js';
import type { Model } from '../models/model.js';
import type { Recipe } from '../recipe/recipe.js';
import type { RunControl } from '../recipe/run.js';
import { type Cell, type CellKey, DENSE_ROW, rowTitle } from '../report/comparison.js';
import { measureSparsity, type Report } from '../report/report.js';
import type { TaskScores } from '../train/evaluation.js';
import type { CompareSettings } from './compare.js';
import { compress, type DenseSource } from './compress.js';
import { differenceOf } from './difference.js';
import { evaluate } from './evaluate.js';
import { finetune } from './finetune.js';
import { RUN_ENTRIES } from './output.js';
import { askedLength, fingerprintOf } from './task-run.js';

/** A model of the grid. */
export interface Subject {
  /** Unique among the models. */
  readonly label: string;
  readonly path: string;
  readonly model: Model;
  readonly hash: string;
}

/** A cell to compute. */
export interface CellPlan {
  readonly key: CellKey;
  readonly subject: Subject;
  readonly task: LoadedTask;
  /** None in the dense cell. */
  readonly recipe: Recipe | undefined;
  /** What it is compared with; a sparse model whose dense one is gone has none. */
  readonly dense: DenseSource | undefined;
}

type Results = Omit<Cell, keyof CellKey>;

export const cellsOf = (out: string): string => join(out, 'cells');

export const placeOf = (key: CellKey): string => `${rowTitle(key)} on ${key.task}, seed ${key.seed}`;

/** As it stands in the name of a folder. */
export const plainName = (text: string): string => text.replace(/[^\w.+-]+/g, '-');

export function cellFolder(out: string, { model, task, recipe, sparsity, seed }: CellKey): string {
  const parts = [model, task, recipe, ...(sparsity === null ? [] : [String(sparsity)]), `seed-${seed}`];
  return join(cellsOf(out), plainName(parts.join('_')));
}

/** What all cells of a folder have in common. */
function sharedOptions({ limit, select, settings, device, threads, onnx }: CompareSettings) {
  return { limit, select, settings, device, threads, onnx };
}

/** Everything that decides a cell. */
function markOf({ key, subject, task, recipe }: CellPlan, options: CompareSettings) {
  const shared = sharedOptions(options);
  const files = task.files.map(({ sha256 }) => sha256);
  const fingerprint = fingerprintOf({
    ...{ model: subject.hash, task: task.task, files, recipe, seed: key.seed },
    ...shared,
  });
  const weights = { [`--model ${subject.label}`]: subject.hash };
  return { fingerprint, options: { ...shared, weights, files, recipe } };
}

const recordSchema = z.record(z.string(), z.unknown());
const markSchema = z.object({ fingerprint: z.string(), options: recordSchema.optional() });

const optionsFileOf = (out: string): string => join(cellsOf(out), 'options.json');

/** Notes the options of a folder for those who go on with it. */
export async function writeSharedOptions(options: CompareSettings): Promise<void> {
  const text = `${JSON.stringify(sharedOptions(options), null, 2)}\n`;
  await writeFileAtomic(optionsFileOf(options.out), text);
}

/** Throws UsageError where the folder or a planned cell was begun with other options, data or weights. */
export async function checkGrid(plans: readonly CellPlan[], options: CompareSettings): Promise<void> {
  const file = optionsFileOf(options.out);
  if (existsSync(file)) {
    const begun = recordSchema.safeParse(await readJson(file)).data ?? {};
    const difference = differenceOf(begun, sharedOptions(options));
    if (difference !== undefined) throw otherGrid(options.out, difference);
  }
  for (const plan of plans) {
    const folder = cellFolder(options.out, plan.key);
    if (!existsSync(join(folder, 'cell.json'))) continue;
    const begun = markSchema.safeParse(await readJson(join(folder, 'cell.json'))).data;
    const mark = markOf(plan, options);
    if (begun?.fingerprint !== mark.fingerprint)
      throw otherGrid(folder, begun?.options && differenceOf(begun.options, mark.options));
  }
}

function otherGrid(place: string, difference: string | undefined): UsageError {
  const what = difference === undefined ? '' : `: ${difference}`;
  return new UsageError(
    `${place} belongs to a comparison with other options, data or models${what}; repeat its options, name ` +
      'another --out or use --overwrite',
  );
}

const cellSchema = z.custom<Results>(
  (value) => z.looseObject({ scores: z.record(z.string(), z.number()) }).safeParse(value).success,
);

/** Results of a cell, computed now unless they are there. */
export async function runCell(
  plan: CellPlan,
  options: CompareSettings,
  control: RunControl,
): Promise<Results> {
  const folder = cellFolder(options.out, plan.key);
  const results = join(folder, 'results.json');
  const known = existsSync(results) ? cellSchema.safeParse(await readJson(results)).data : undefined;
  if (known) return known;
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, 'cell.json'), `${JSON.stringify(markOf(plan, options))}\n`);
  const made = await computeCell(plan, options, folder, control);
  await writeFileAtomic(results, `${JSON.stringify(made, null, 2)}\n`);
  if (plan.recipe && !options.keepModels) await dropModel(folder);
  return made;
}

async function computeCell(
  plan: CellPlan,
  options: CompareSettings,
  folder: string,
  control: RunControl,
): Promise<Results> {
  const { subject, recipe, dense, key } = plan;
  if (recipe) {
    const compared = dense ? await denseFolder(plan, options, control) : null;
    // A grid measures: a packed file below the gate is a point of its front, and no failure.
    const packing = { pack: options.pack, gate: 0 };
    const run = {
      ...runOptions(key, options, folder),
      ...packing,
      model: subject.path,
      recipe,
      dense: compared,
    };
    return resultsOf(await compress(run, control));
  }
  if (dense!.trained) return trainedResults(plan, options, control);
  return resultsOf(await finetune({ ...runOptions(key, options, folder), model: dense!.path }, control));
}

function runOptions({ task, seed }: CellKey, options: CompareSettings, out: string) {
  const { data, textField, pairField, labelField, threads, device } = options;
  const { settings, limit, select, checkpointEvery, onnx } = options;
  const begun = existsSync(join(out, 'checkpoints', 'run.json'));
  return {
    ...{ task, data, textField, pairField, labelField, seed, threads, device },
    ...{ settings, limit, select, checkpointEvery, onnx, out, resume: begun, overwrite: !begun },
  };
}

/** The fine-tuned dense model of a cell: that of the dense cell, made again where it was cleared away. */
async function denseFolder(plan: CellPlan, options: CompareSettings, control: RunControl): Promise<string> {
  const { path, trained } = plan.dense!;
  if (trained) return path;
  const key = { ...plan.key, recipe: DENSE_ROW, sparsity: null };
  const folder = cellFolder(options.out, key);
  if (!existsSync(join(folder, 'results.json')))
    throw new EspalierError(`its dense model is missing, since the cell ${placeOf(key)} failed`);
  if (existsSync(join(folder, 'report.json')) && existsSync(join(folder, 'model.safetensors'))) return folder;
  await finetune({ ...runOptions(key, options, folder), model: path }, control);
  return folder;
}

/** A model that is dense and trained on the task already is scored as it is. */
async function trainedResults(
  { subject: { model, path }, key }: CellPlan,
  options: CompareSettings,
  control: RunControl,
): Promise<Results> {
  const { data, textField, pairField, labelField, threads, device, settings } = options;
  const { metrics } = await evaluate(
    {
      ...{ model: path, task: key.task, data, textField, pairField, labelField, threads, device },
      maxLength: askedLength(settings),
    },
    control,
  );
  const { encoder, total } = measureSparsity(model, null);
  const bytes = [...model.tensors.values()].reduce((sum, { data: values }) => sum + gzipBytes(values), 0);
  return { scores: metrics, encoder, parameters: total, bytes, finalAdjustment: null, seconds: 0 };
}

const gzipBytes = ({ buffer, byteOffset, byteLength }: Float32Array): number =>
  gzipSync(new Uint8Array(buffer, byteOffset, byteLength), { level: 6 }).length;

function resultsOf(report: Report): Results {
  const { metrics, bytes, sparsity, parameters, adapter, finalAdjustment, seconds } = report;
  const file = (scores: Report['metrics']['dense'], size: number | undefined) =>
    scores && size !== undefined ? { scores, bytes: size } : undefined;
  return {
    scores: (metrics.compressed ?? metrics.dense) as TaskScores,
    encoder: sparsity.encoder,
    parameters: parameters.total,
    // An adapter is of no use without its base.
    bytes: adapter ? adapter.base + adapter.bytes : bytes.gzip,
    finalAdjustment,
    seconds,
    int8: file(metrics.onnxInt8, bytes.onnxInt8),
    denseInt8: file(metrics.denseInt8, bytes.denseInt8),
    packed: file(metrics.packed, bytes.packed),
  };
}

/** Of a finished run what is small stays: what is left of report, log and results. */
export async function dropModel(folder: string): Promise<void> {
  if (!existsSync(join(folder, 'results.json'))) return; // unfinished: it may go on
  const small = ['report.json', 'report.md', 'recipe.yaml', 'metrics.jsonl'];
  for (const entry of RUN_ENTRIES)
    if (!small.includes(entry)) await rm(join(folder, entry), { recursive: true, force: true });
}
