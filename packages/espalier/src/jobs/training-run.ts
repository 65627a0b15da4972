// The frame of a job that trains: settings, stage options and scores before; model, report and log after.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { exportOnnx } from '../export/onnx.js';
import { writeFileAtomic } from '../io/atomic.js';
import { loadCheckpoint, writeCheckpointFiles } from '../models/checkpoint.js';
import type { Model } from '../models/model.js';
import { withDropout, withHead } from '../models/task-model.js';
import { DENSE } from '../recipe/builtin.js';
import type { Recipe } from '../recipe/recipe.js';
import type { RecipeResult, RunControl, StageRunOptions } from '../recipe/run.js';
import { renderReport } from '../report/markdown.js';
import { quantisedZeros } from '../report/quantised-zeros.js';
import { dataSummary, fileBytes, maskHash, measureSparsity, type Report } from '../report/report.js';
import { measureSize } from '../report/size.js';
import { evaluateModel, type Scores } from '../train/evaluation.js';
import { openMetricsLog } from '../train/metrics-log.js';
import { createPredictor } from '../train/predictor.js';
import { versions } from '../versions.js';
import { denseInt8Results, int8FileResults } from './int8-results.js';
import { checkpointsOf, prepareOutput } from './output.js';
import {
  type computeSchema,
  examplesHash,
  fingerprintOf,
  type LoadedRun,
  modelHash,
  resolveSettings,
  type trainingSchema,
} from './task-run.js';

type RunOptions = z.output<typeof trainingSchema> &
  z.output<typeof computeSchema> & { readonly out: string; readonly onnx: boolean };

export interface TrainingRun {
  /** The model with a head for the task, before any training. */
  readonly base: Model;
  readonly stages: StageRunOptions;
  readonly recipe: Recipe;
  readonly started: number;
  /** The report, when this very run had been finished before and is only asked to resume. */
  readonly finished: Report | undefined;
  score(model: Model): Promise<Scores>;
}

/**
 * Settles the run and prepares its directory: everything that is read has been read by now. `others` are further
 * models that decide the result.
 */
export async function startRun(
  loaded: LoadedRun,
  options: RunOptions,
  recipe: Recipe,
  control: RunControl,
  others: readonly (Model | undefined)[] = [],
): Promise<TrainingRun> {
  const { seed, threads, device, out, select, evalEvery } = options;
  const { task, padId, train, dev, files } = loaded;
  const { settings, totalSteps } = resolveSettings(options.settings, train.length);
  const base = withDropout(withHead(loaded.model, task, seed), settings.dropout);
  const data = files.map(({ sha256 }) => sha256);
  const plan = {
    ...{ recipe, settings, totalSteps, seed, threads, device, task, data, select, evalEvery },
    ...{ examples: examplesHash(train), models: [base, ...others].map((model) => model && modelHash(model)) },
  };
  const fingerprint = fingerprintOf(plan);
  const finished = await prepareOutput(options, fingerprint);
  if (finished) control.onEvent({ type: 'note', message: `${out} is finished; nothing is left to resume` });
  const stages: StageRunOptions = {
    ...loaded,
    settings,
    totalSteps,
    seed,
    threads,
    device,
    evalEvery,
    checkpointEvery: options.checkpointEvery,
    checkpoints: checkpointsOf(out),
    fingerprint,
    log: openMetricsLog(join(out, 'metrics.jsonl')),
    control,
  };
  return {
    base,
    stages,
    recipe,
    started: performance.now(),
    finished,
    async score(model) {
      const predictor = createPredictor({ model, threads, device, padId });
      const scores = await evaluateModel(predictor, task, dev);
      await predictor.release();
      return scores;
    },
  };
}

/** Writes model, recipe, report and log, and scores the model as it was written. */
export async function writeRun(
  loaded: LoadedRun,
  run: TrainingRun,
  result: RecipeResult,
  options: RunOptions,
  dense: { readonly model: Model; readonly scores: Scores } | undefined,
  target: number | null,
): Promise<Report> {
  const { out, threads, seed } = options;
  const { settings, totalSteps } = run.stages;
  await writeCheckpointFiles(out, result.model);
  const scores = await run.score(await loadCheckpoint(out));
  if (options.onnx) await exportOnnx(result.model, join(out, 'onnx', 'model.onnx'), { threads });
  const isDense = run.recipe === DENSE;
  const baseline = isDense ? result.model : dense?.model;
  const denseInt8 = baseline && (await denseInt8Results(loaded, baseline, threads));
  const onnxInt8 = options.onnx ? await int8FileResults(loaded, result.model, out, threads) : undefined;
  const { total, nonzero, ...sparsity } = measureSparsity(result.model, target);
  const bytes = await fileBytes(join(out, 'model.safetensors'));
  const int8 = quantisedZeros(result.model);
  const report: Report = {
    schema: 'espalier-report-1',
    task: loaded.task.name,
    model: loaded.model.source,
    recipe: run.recipe,
    seed,
    fingerprint: run.stages.fingerprint,
    data: dataSummary(loaded.files),
    metrics: {
      ...(isDense ? { dense: scores } : { ...(dense && { dense: dense.scores }), compressed: scores }),
      ...denseInt8?.metrics,
      ...onnxInt8?.metrics,
    },
    sparsity,
    ...(int8 && { int8 }),
    parameters: { total, nonzero },
    bytes: { ...bytes, ...denseInt8?.bytes, ...onnxInt8?.bytes },
    size: measureSize(result.model, { matrices: sparsity.matrices, nonzero }, bytes.gzip),
    finalAdjustment: result.reported['finalAdjustment'] ?? null,
    maskHash: maskHash(result.model),
    steps: result.steps,
    seconds: (performance.now() - run.started) / 1000,
    settings: { ...settings, steps: totalSteps, trainRows: loaded.train.length },
    versions: versions(),
  };
  await writeFileAtomic(join(out, 'recipe.yaml'), stringify(run.recipe));
  await writeFileAtomic(join(out, 'report.md'), renderReport(report));
  await writeFileAtomic(join(out, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  if (!options.keepCheckpoints) await rm(checkpointsOf(out), { recursive: true, force: true });
  if (onnxInt8?.failure) throw onnxInt8.failure;
  return report;
}
