// The other formats of a model, each checked against it before it is kept.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { z } from 'zod';
import { loadTokenizer } from '../data/tokenizer.js';
import { UsageError } from '../errors.js';
import { checkLogits } from '../export/check.js';
import { exportOnnx } from '../export/onnx.js';
import type { PackExport, PackInput } from '../export/pack.js';
import { paddedModel } from '../export/padded.js';
import { writeDirectoryAtomic } from '../io/atomic.js';
import { LOCK } from '../io/lock-file.js';
import { loadModel } from '../models/adapter.js';
import { loadCheckpoint, writeCheckpointFiles } from '../models/checkpoint.js';
import { hasLayerMix } from '../models/layer-mix.js';
import type { Model } from '../models/model.js';
import { isRagged } from '../models/structure.js';
import { hasTaskHead } from '../models/task-model.js';
import { hasTokenizer } from '../models/tokenizer-files.js';
import type { RunControl } from '../recipe/run.js';
import { stopCheck } from '../recipe/stop-check.js';
import type { PackSize } from '../report/pack-size.js';
import { countParameters } from '../report/report.js';
import { evaluateModel, type Scores } from '../train/evaluation.js';
import { createPredictor } from '../train/predictor.js';
import { exportInt8File } from './export-int8.js';
import { checkUnlocked } from './folder-lock.js';
import { openArtefact } from './open-artefact.js';
import { RUN_ENTRIES } from './output.js';
import { packSchema } from './pack-options.js';
import { withTokenizerJson } from './tokenizer-json.js';
import { baseOption, computeSchema, dataSchema, type LoadedDev, loadDev, parseOptions } from './task-run.js';

export const exportSchema = z.strictObject({
  ...computeSchema.shape,
  ...dataSchema.partial().shape,
  model: z.string(),
  base: baseOption,
  to: z
    .enum(['hf', 'onnx', 'onnx-int8', 'pack'])
    .describe(
      'hf: Hugging Face directory; onnx: float32 ONNX file; onnx-int8: the same in int8; pack: packed file',
    ),
  int8: z
    .enum(['dynamic', 'static'])
    .optional()
    .describe("post-training int8 instead of the model's own scales; static calibrates on training examples"),
  ...packSchema.shape,
  out: z.string(),
  overwrite: z.boolean().default(false),
  maxLength: z.int().min(3).optional(),
});

export interface ExportResult {
  readonly out: string;
  /**
   * Largest difference of a logit between the written file and the model, on random ids of several lengths. Not of a pack
   * without a head of a task.
   */
  readonly largestDifference?: number;
  /**
   * Of int8: fraction of examples decided as by the rounded model in float32, and their number. Of a pack: by the runtime as
   * by the model.
   */
  readonly agreement?: number;
  readonly examples?: number;
  /** Of a pack: what its bytes are for, and encoder matrices by kind. */
  readonly size?: PackSize;
  readonly kinds?: PackExport['kinds'];
  /** Of a pack: how the runtime computes it, or why it does not. */
  readonly runtime?: PackExport['runtime'];
  readonly refused?: string;
  /** Scores of the written file, when a task was named. */
  readonly metrics?: Scores;
}

export type ExportOptions = z.output<typeof exportSchema>;
/** What gates compare on. */
export type Check = PackInput;

export async function exportModel(
  input: z.input<typeof exportSchema>,
  control: RunControl,
): Promise<ExportResult> {
  const options = parseOptions(exportSchema, input, 'export');
  const { out, threads, device, overwrite } = options;
  await checkUnlocked(out);
  if (isTaken(out) && !overwrite) {
    throw new UsageError(`${out} is already there; replace it with --overwrite or name another --out`);
  }
  if (options.int8 !== undefined && options.to !== 'onnx-int8') {
    throw new UsageError(`--int8 ${options.int8} belongs to --to onnx-int8, found --to ${options.to}`);
  }
  for (const option of ['values', 'embeddings', 'gate', 'keep'] as const) {
    if (options[option] === undefined || options.to === 'pack') continue;
    throw new UsageError(`--${option} belongs to --to pack, found --to ${options.to}`);
  }
  const labelled = await labelledDev(options, control);
  const model = labelled?.model ?? (await loadWhole(options));
  if (!hasTaskHead(model) && options.to !== 'pack') {
    throw new UsageError(
      `${options.model} has no task head; fine-tune it first, or write it for embeddings with --to pack`,
    );
  }
  if (options.to === 'hf' && hasLayerMix(model)) {
    throw new UsageError(
      `${options.model} has the head "mix", which no class of transformers has; adapt with --set head=stock, or ` +
        'export it to onnx',
    );
  }
  const checkStop = stopCheck(control, false);
  const check = { threads, checkStop, ...(labelled && { dev: labelled.dev, task: labelled.task }) };
  const { maxLength } = labelled ?? options;
  const written = await WRITERS[options.to](model, { ...options, maxLength }, check, control);
  if (!labelled || written.metrics) return { out, ...written };
  const { task, dev, padId } = labelled;
  const reread = options.to === 'hf' ? await loadModel(out) : model;
  const { predictor } = await openArtefact(out, { model: reread, threads, device, padId, checkStop });
  const metrics = await evaluateModel(predictor, task, dev);
  await predictor.release();
  return { out, ...written, metrics };
}

export type Written = Omit<ExportResult, 'out'>;

const WRITERS: Readonly<
  Record<
    ExportOptions['to'],
    (model: Model, options: ExportOptions, check: Check, control: RunControl) => Promise<Written>
  >
> = {
  hf: async (model, { out }, check, control) => {
    const stock = stockModel(model, control);
    const reference = stock === model ? model : { ...model, quantisation: undefined };
    return { largestDifference: await exportFolder(stock, reference, out, check) };
  },
  onnx: async (model, { out }, check) => ({ largestDifference: await exportOnnx(model, out, check) }),
  'onnx-int8': exportInt8File,
  // With the runtime, which alone runs what it writes.
  pack: async (...input) => (await import('./export-pack.js')).exportPackFile(...input),
};

/** The model with the dev split of the task that the options name, if they do. */
async function labelledDev(options: ExportOptions, control: RunControl): Promise<LoadedDev | undefined> {
  const { task, data } = options;
  if (task !== undefined && data !== undefined) return loadDev({ ...options, task, data }, control);
  if (task === undefined && data === undefined) return undefined;
  throw new UsageError(
    `${task === undefined ? '--data' : '--task'} alone says too little; give --task and --data`,
  );
}

/** Only the runtime, which takes ids too, has a use for a model without a tokenizer. */
async function loadWhole({ model: source, base, to }: ExportOptions): Promise<Model> {
  const model = await loadModel(source, base);
  if (to === 'pack' && !hasTokenizer(model.tokenizerFiles)) return model;
  return withTokenizerJson(model, loadTokenizer(model.tokenizerFiles, source));
}

const isTaken = (path: string): boolean =>
  existsSync(path) && !(statSync(path).isDirectory() && readdirSync(path).length === 0);

/** The model as stock tools read it. */
function stockModel(model: Model, control: RunControl): Model {
  if (!isRagged(model.config)) return model;
  const padded = paddedModel(model);
  const [before, after] = [model, padded].map((of) => countParameters(of).total.toLocaleString('en'));
  const message =
    `blocks have lost heads or neurons, which transformers cannot read: padded with zeros, ${after!} parameters ` +
    `instead of ${before!}${model.quantisation ? ', float32' : ''}; Espalier and ONNX use the model as it is`;
  control.onEvent({ type: 'note', message });
  return padded;
}

/** Writes the model as a Hugging Face directory, whole or not at all, where it computes what `reference` does. */
async function exportFolder(model: Model, reference: Model, out: string, check: Check): Promise<number> {
  let difference = 0;
  await writeDirectoryAtomic(
    out,
    async (temporary) => {
      await writeCheckpointFiles(temporary, model);
      const reloaded = createPredictor({
        model: await loadCheckpoint(temporary),
        threads: check.threads,
        device: 'cpu',
        padId: 0,
        checkStop: check.checkStop,
      });
      difference = await checkLogits(out, reference, reloaded, check);
      await reloaded.release();
    },
    { disposable: [...RUN_ENTRIES, LOCK] },
  );
  return difference;
}
