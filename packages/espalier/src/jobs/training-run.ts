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
import { ADAPTER, WEIGHTS } from '../models/weight-files.js';
import { DENSE } from '../recipe/builtin.js';
import type { Recipe } from '../recipe/recipe.js';
import { taskWorkload } from '../recipe/task-workload.js';
import { checkMethods, type RecipeResult, type RunControl, type StageRunOptions } from '../recipe/run.js';
import { stopCheck } from '../recipe/stop-check.js';
import type { Workload } from '../recipe/workload.js';
import { renderReport } from '../report/markdown.js';
import { quantisedZeros } from '../report/quantised-zeros.js';
import {
  countParameters,
  dataSummary,
  fileBytes,
  maskHash,
  measureSparsity,
  measureStructure,
  type Report,
} from '../report/report.js';
import { measureSize } from '../report/size.js';
import type { Scores } from '../train/evaluation.js';
import { openMetricsLog } from '../train/metrics-log.js';
import type { TrainingSettings } from '../train/settings.js';
import { versions } from '../versions.js';
import { type AdapterTarget, writeAdapted } from './adapters.js';
import { GateFailure } from '../errors.js';
import { denseInt8Results, int8FileResults, type LabelledDev } from './int8-results.js';
import { leftOut } from './left-out.js';
import { checkpointsOf, keepInputs, prepareOutput } from './output.js';
import type { Packing, PackResults } from './pack-results.js';
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

/** What a run works on. */
export interface RunInput {
  readonly workload: Workload;
  /** The model that training starts from, heads included. */
  readonly base: Model;
  /** What the report says of it. */
  readonly subject: Pick<Report, 'task' | 'model' | 'data'> & { readonly trainRows: number };
  /** Data that decides the result, as a hash of it says. */
  readonly identity: unknown;
  /** Settings that what was loaded decides. */
  readonly settings?: Partial<TrainingSettings>;
  /** Where the result is written as an adapter instead of a model. */
  readonly adapter?: AdapterTarget;
  /** What int8 files are scored on; pre-training has no such files. */
  readonly labelled?: LabelledDev;
  /** How the result is packed; a dense one is not. */
  readonly packing?: Packing;
}

export interface TrainingRun {
  readonly input: RunInput;
  readonly stages: StageRunOptions;
  readonly recipe: Recipe;
  readonly started: number;
  /** The report, when this very run had been finished before and is only asked to resume. */
  readonly finished: Report | undefined;
  score(model: Model): Promise<Scores>;
}

/** A run on a labelled task. */
export function taskInput(loaded: LoadedRun, seed: number, dropout: number | undefined): RunInput {
  const { task, train, files, model, maxLength } = loaded;
  return {
    settings: { maxLength },
    workload: taskWorkload(loaded),
    base: withDropout(withHead(model, task, seed), dropout),
    subject: { task: task.name, model: model.source, data: dataSummary(files), trainRows: train.length },
    identity: { task, examples: examplesHash(train) },
    labelled: loaded,
  };
}

/**
 * Settles the run and prepares its directory: everything that is read has been read by now. `others` are further
 * models that decide the result, by the options that name them.
 */
export async function startRun(
  input: RunInput,
  options: RunOptions,
  recipe: Recipe,
  control: RunControl,
  others: Readonly<Record<string, Model | undefined>> = {},
): Promise<TrainingRun> {
  const { seed, threads, device, out, select, evalEvery } = options;
  const { workload, base, subject, identity } = input;
  const { settings, totalSteps } = resolveSettings({ ...options.settings, ...input.settings }, (chosen) =>
    workload.stepsPerEpoch(chosen),
  );
  checkMethods(recipe, base, { workload, settings, totalSteps });
  const models = { [subject.task === 'pretrain' ? '--init' : '--model']: base, ...others };
  const hashes = Object.entries(models).map(([name, model]) => [name, model && modelHash(model)] as const);
  const plan = {
    ...{ recipe, settings, totalSteps, seed, threads, device, data: subject.data.sha256, select, evalEvery },
    ...{ identity, models: hashes.map(([, hash]) => hash) },
  };
  const fingerprint = fingerprintOf(plan);
  const checkStop = stopCheck(control, true);
  const record = {
    ...{ settings: { ...settings, steps: undefined }, seed, threads, device, select, evalEvery, recipe },
    ...{ files: subject.data.sha256, weights: Object.fromEntries(hashes), limit: options.limit },
    ...{ trainRows: subject.trainRows, data: identity, steps: totalSteps },
  };
  const read = subject.task === 'pretrain' ? '--corpus' : '--data';
  await keepInputs(options, [
    ...subject.data.files.map((file) => [read, file] as const),
    ...Object.entries(others).map(([option, model]) => [option, model?.source] as const),
  ]);
  const finished = await prepareOutput(options, { fingerprint, record });
  if (finished) {
    const { packing, adapter } = input;
    const notes = leftOut(finished, { out, onnx: options.onnx, whole: !adapter, packing });
    for (const message of [`${out} is finished; nothing is left to resume`, ...notes])
      control.onEvent({ type: 'note', message });
  }
  return {
    input,
    recipe,
    started: performance.now(),
    finished,
    stages: {
      workload,
      settings,
      totalSteps,
      seed,
      threads,
      device,
      checkStop,
      evalEvery,
      checkpointEvery: options.checkpointEvery,
      checkpoints: checkpointsOf(out),
      fingerprint,
      log: openMetricsLog(join(out, 'metrics.jsonl')),
      control,
    },
    async score(model) {
      const scorer = workload.scorer(model, { threads, device, checkStop });
      try {
        return await scorer.score('dev');
      } finally {
        await scorer.release();
      }
    },
  };
}

/** Writes model, recipe, report and log, and scores the model as it was written. */
export async function writeRun(
  run: TrainingRun,
  result: RecipeResult,
  options: RunOptions,
  dense: { readonly model: Model; readonly scores: Scores } | undefined,
  target: number | null,
  more: Pick<Report, 'dense' | 'search' | 'vocabulary'> = {},
): Promise<Report> {
  const { out, threads, seed } = options;
  const { settings, totalSteps, checkStop } = run.stages;
  const { trainRows, ...subject } = run.input.subject;
  const { adapter } = run.input;
  const adapted = adapter && (await writeAdapted(out, result, adapter));
  if (!adapted) await writeCheckpointFiles(out, result.model);
  const written = adapted?.model ?? (await loadCheckpoint(out));
  const scores = await run.score(written);
  if (options.onnx) await exportOnnx(result.model, join(out, 'onnx', 'model.onnx'), { threads, checkStop });
  const isDense = run.recipe === DENSE;
  const { labelled } = run.input;
  const baseline = isDense ? result.model : dense?.model;
  const denseInt8 = labelled && baseline && (await denseInt8Results(labelled, baseline, threads, checkStop));
  const onnxInt8 =
    labelled && options.onnx
      ? await int8FileResults(labelled, result.model, out, threads, checkStop)
      : undefined;
  const { packing } = run.input;
  let packed: PackResults | undefined;
  if (labelled && packing) {
    const { packResults } = await import('./pack-results.js'); // brings the runtime, which dense fine-tuning spares
    packed = await packResults(labelled, packing, {
      ...{ model: written, isAdapter: adapted !== undefined, scores, dense: dense?.scores, out, threads },
      checkStop,
      note: (message) => run.stages.control.onEvent({ type: 'note', message }),
      warn: (message) => run.stages.control.onEvent({ type: 'note', message, warning: true }),
    });
  }
  const { total, nonzero, ...sparsity } = measureSparsity(result.model, target);
  const bytes = adapted
    ? { ...(await fileBytes(join(out, ADAPTER))), denseF32: 4 * total }
    : await fileBytes(join(out, WEIGHTS));
  const int8 = quantisedZeros(result.model);
  const report: Report = {
    schema: 'espalier-report-1',
    ...subject,
    recipe: run.recipe,
    seed,
    fingerprint: run.stages.fingerprint,
    metrics: {
      ...(isDense ? { dense: scores } : { ...(dense && { dense: dense.scores }), compressed: scores }),
      ...denseInt8?.metrics,
      ...onnxInt8?.metrics,
      ...packed?.metrics,
    },
    sparsity,
    ...(int8 && { int8 }),
    ...(adapted && { adapter: adapted.report }),
    parameters: {
      total,
      nonzero,
      encoder: countParameters(result.model).encoder,
      ...(!isDense && { before: countParameters(run.input.base) }),
    },
    ...measureStructure(run.input.base, result.model),
    ...(Object.keys(result.surgery).length > 0 && { surgery: result.surgery }),
    bytes: { ...bytes, ...denseInt8?.bytes, ...onnxInt8?.bytes, ...packed?.bytes },
    ...(packed?.packed && { packed: packed.packed }),
    ...(packed?.failure !== undefined && { failure: packed.failure }),
    size: measureSize(result.model, { matrices: sparsity.matrices, nonzero }, bytes.gzip),
    finalAdjustment: result.reported['finalAdjustment'] ?? null,
    maskHash: maskHash(result.model),
    steps: result.steps,
    seconds: (performance.now() - run.started) / 1000,
    settings: { ...settings, steps: totalSteps, trainRows },
    versions: versions(),
    ...more,
  };
  await writeFileAtomic(join(out, 'recipe.yaml'), stringify(run.recipe));
  await writeFileAtomic(join(out, 'report.md'), renderReport(report));
  await writeFileAtomic(join(out, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  if (!options.keepCheckpoints) await rm(checkpointsOf(out), { recursive: true, force: true });
  if (onnxInt8?.failure) throw onnxInt8.failure;
  return checkGate(report, out);
}

/** A run that did not meet its gate fails, once everything else is written into `out`. Throws GateFailure. */
export function checkGate(report: Report, out: string): Report {
  if (report.failure === undefined) return report;
  const again =
    report.packed?.kept === false ? `; "espalier export ${out} --to pack" packs it without training` : '';
  throw new GateFailure(`${report.failure}; the rest of the run is written${again}`, report);
}
