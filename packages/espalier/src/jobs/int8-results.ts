// The int8 side of a report: the dense model in post-training int8, which a compressed one has to beat, and the
// run's own int8 file.
import { join } from 'node:path';
import { EspalierError, Interrupted, type StopCheck } from '../errors.js';
import { exportInt8, measureDenseInt8 } from '../export/int8-file.js';
import { openOnnx } from '../export/onnx-predictor.js';
import { padSideOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import type { Report } from '../report/report.js';
import { evaluateModel } from '../train/evaluation.js';
import type { LoadedRun } from './task-run.js';

export type LabelledDev = Pick<LoadedRun, 'task' | 'dev'>;

export interface Int8Results {
  readonly metrics: Pick<Report['metrics'], 'denseInt8' | 'onnxInt8'>;
  readonly bytes: Pick<Report['bytes'], 'denseInt8' | 'onnxInt8'>;
  /** Why the int8 file was not kept; the report is worth writing without it. */
  readonly failure?: EspalierError;
}

/** The dense model as it would be shipped without training for it. */
export async function denseInt8Results(
  { task, dev }: LabelledDev,
  dense: Model,
  threads: number,
  checkStop?: StopCheck,
): Promise<Int8Results> {
  const { bytes, scores } = await measureDenseInt8(dense, { threads, task, dev, checkStop });
  return { metrics: { denseInt8: scores }, bytes: { denseInt8: bytes } };
}

/** Writes onnx/model_quantized.onnx into a run's directory and scores it. */
export async function int8FileResults(
  { task, dev }: LabelledDev,
  model: Model,
  out: string,
  threads: number,
  checkStop?: StopCheck,
): Promise<Int8Results> {
  const path = join(out, 'onnx', 'model_quantized.onnx');
  const written = await exportInt8(model, path, { threads, dev, checkStop }).catch((cause: unknown) => {
    if (cause instanceof EspalierError && !(cause instanceof Interrupted)) return cause;
    throw cause;
  });
  if (written instanceof EspalierError) return { metrics: {}, bytes: {}, failure: written };
  const predictor = await openOnnx(path, threads, padSideOf(model.config), checkStop);
  const scores = await evaluateModel(predictor, task, dev);
  await predictor.release();
  return { metrics: { onnxInt8: scores }, bytes: { onnxInt8: written.bytes } };
}
