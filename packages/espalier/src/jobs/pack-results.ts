// The packed file of a run: written into its directory and scored by the runtime, where the runtime computes it and the file
// passes its gate.
import { join } from 'node:path';
import { longestOf } from '../data/example.js';
import { EspalierError, Interrupted, type StopCheck } from '../errors.js';
import { packModel, writeGated } from '../export/pack.js';
import { dropFailure } from '../export/pack-gate.js';
import { openPacked } from '../export/packed-predictor.js';
import type { Model } from '../models/model.js';
import { PACKED } from '../models/weight-files.js';
import type { Report } from '../report/report.js';
import type { Scores, TaskScores } from '../train/evaluation.js';
import { SCALES_NOTE } from './export-pack.js';
import type { LabelledDev } from './int8-results.js';
import { formOf, type PackOptions } from './pack-options.js';

/** How a run packs its result. */
export interface Packing extends PackOptions {
  /** Absent where no file is wanted. */
  readonly pack: boolean;
  /** Points that the file, or where there is none the model, may score below the dense model. */
  readonly maxDrop?: number | undefined;
}

export interface PackTarget {
  readonly model: Model;
  /** It lies in the directory as an adapter of its base. */
  readonly isAdapter: boolean;
  /** Scores of the model, and of the dense one. */
  readonly scores: Scores;
  readonly dense: Scores | undefined;
  readonly out: string;
  readonly threads: number;
  readonly note: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly checkStop?: StopCheck | undefined;
}

export interface PackResults {
  readonly metrics: Pick<Report['metrics'], 'packed'>;
  readonly bytes: Pick<Report['bytes'], 'packed'>;
  readonly packed?: Report['packed'];
  /** What of the gate was not met. */
  readonly failure?: string;
}

/** Packs the result of a run on a task, and says what of that it leaves out. */
export async function packResults(
  labelled: LabelledDev,
  packing: Packing,
  target: PackTarget,
): Promise<PackResults> {
  const packed = packing.pack ? await writePacked(labelled, target, packing).catch(failed) : undefined;
  if (packed) return packed;
  const failure = furtherCheck(labelled, target, packing, 'the compressed model')(target.scores);
  return { metrics: {}, bytes: {}, ...(failure !== undefined && { failure }) };
}

/** The report is worth writing without a file that could not be made. */
function failed(cause: unknown): PackResults {
  if (cause instanceof EspalierError && !(cause instanceof Interrupted))
    return { metrics: {}, bytes: {}, failure: cause.message };
  throw cause;
}

/** What scores must hold against the dense model. */
const furtherCheck =
  ({ task }: LabelledDev, { dense }: PackTarget, { maxDrop }: Packing, what: string) =>
  (scores: Scores | undefined): string | undefined =>
    dense && scores && maxDrop !== undefined
      ? dropFailure(task, dense, { what, scores, most: maxDrop })
      : undefined;

/** Undefined where there is no model that the runtime computes. */
async function writePacked(
  labelled: LabelledDev,
  target: PackTarget,
  packing: Packing,
): Promise<PackResults | undefined> {
  const { task, dev } = labelled;
  const { model, isAdapter, out, threads, note, warn, checkStop } = target;
  if (isAdapter) {
    note('no packed file: an adapter has its base beside it; --merge gives a model, which is packed');
    return undefined;
  }
  const [path, form] = [join(out, PACKED), formOf(packing)];
  const written = packModel(model, form, task);
  const artefact = await openPacked(written.bytes, path, { model, length: longestOf(dev), checkStop });
  if ('refused' in artefact) {
    warn(`no packed file: the runtime does not compute this model (${artefact.refused})`);
    return undefined;
  }
  if (model.quantisation) note(SCALES_NOTE);
  const { gate, keep } = packing;
  const further = furtherCheck(labelled, target, packing, 'the packed file');
  const input = { threads, checkStop, task, dev, gate, keep, further };
  const result = await writeGated(model, path, { ...written, artefact, form }, input);
  const { kept, failure, size, agreement, examples, largestDifference, scores } = result;
  return {
    metrics: kept ? { packed: scores as TaskScores } : {},
    bytes: kept ? { packed: size.bytes } : {},
    packed: {
      ...{ kept, form, runtime: artefact.use, agreement, examples, largestDifference, size },
      ...(failure !== undefined && { failure }),
    },
    ...(failure !== undefined && { failure }),
  };
}
