// Writing an int8 ONNX file: the integer form of a quantised model, or post-training int8 of any other. Kept only when
// it decides as the rounded model does in float32.
import type { Example, Task } from '../data/example.js';
import type { StopCheck } from '../errors.js';
import { padSideOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { answersSpans } from '../models/task-model.js';
import { evaluateModel, type Scores } from '../train/evaluation.js';
import { createPredictor, type Predictor } from '../train/predictor.js';
import { type Agreement, checkArgmax } from './check-argmax.js';
import { dynamicFloatBytes, dynamicInt8Bytes } from './dynamic-int8.js';
import { int8Bytes } from './int8.js';
import { writeOnnx } from './onnx.js';
import { openOnnx } from './onnx-predictor.js';
import { randomExamples } from './random-examples.js';

/** Examples the gate wants; of fewer it takes all. */
export const GATE_EXAMPLES = 512;

export interface Int8Export extends Agreement {
  /** `trained`: by the scales of the model; `dynamic`: by the range of each batch. */
  readonly kind: 'trained' | 'dynamic';
  readonly bytes: number;
}

/** Writes the model in int8 to `path`. The gate runs on `dev`, without it on random ids. */
export async function exportInt8(
  model: Model,
  path: string,
  {
    threads,
    dev = randomExamples(model, GATE_EXAMPLES),
    checkStop,
  }: {
    readonly threads: number;
    readonly dev?: readonly Example[];
    readonly checkStop?: StopCheck | undefined;
  },
): Promise<Int8Export> {
  const { quantisation } = model;
  const padSide = padSideOf(model.config);
  const bytes = quantisation ? int8Bytes(model, quantisation) : dynamicInt8Bytes(model);
  const reference: Predictor = quantisation
    ? createPredictor({ model, threads, device: 'cpu', padId: 0, checkStop })
    : await openOnnx(dynamicFloatBytes(model), threads, padSide, checkStop);
  const artefact = await openOnnx(bytes, threads, padSide, checkStop);
  const agreement = await checkArgmax(path, reference, artefact, dev, answersSpans(model));
  await Promise.all([reference.release(), artefact.release()]);
  await writeOnnx(path, bytes);
  return { ...agreement, kind: quantisation ? 'trained' : 'dynamic', bytes: bytes.length };
}

/** Size and scores of a dense model in post-training int8: what a compressed one has to beat. */
export async function measureDenseInt8(
  model: Model,
  {
    threads,
    task,
    dev,
    checkStop,
  }: {
    readonly threads: number;
    readonly task: Task;
    readonly dev: readonly Example[];
    readonly checkStop?: StopCheck | undefined;
  },
): Promise<{ bytes: number; scores: Scores }> {
  const bytes = dynamicInt8Bytes(model);
  const predictor = await openOnnx(bytes, threads, padSideOf(model.config), checkStop);
  const scores = await evaluateModel(predictor, task, dev);
  await predictor.release();
  return { bytes: bytes.length, scores };
}
