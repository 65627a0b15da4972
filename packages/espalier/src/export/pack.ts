// Writing a packed file, kept only where it decides in the runtime as the model does in float32.
import { PackError, writePack } from '@espalier/runtime/format';
import { type Example, longestOf, type Task } from '../data/example.js';
import { EspalierError, type StopCheck } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { formatConfig } from '../models/config.js';
import type { Model } from '../models/model.js';
import { unpackModel } from '../models/pack-file.js';
import { answersSpans } from '../models/task-model.js';
import { architectureOf } from '../models/tensors.js';
import { measurePack, type PackSize } from '../report/pack-size.js';
import { scoreLogits, type TaskScores } from '../train/evaluation.js';
import { createPredictor, type Predictor } from '../train/predictor.js';
import { type Agreement, compareDecisions } from './check-argmax.js';
import { GATE_EXAMPLES } from './int8-file.js';
import type { PackForm } from './pack-choices.js';
import { countKinds, packTensors, partsOf } from './pack-form.js';
import { gateAdvice, gateFailure, leastAgreement } from './pack-gate.js';
import { openPacked, type PackedPredictor, type Refused, type RuntimeUse } from './packed-predictor.js';
import { randomExamples } from './random-examples.js';

export interface PackExport extends Agreement {
  readonly size: PackSize;
  /** Encoder matrices by kind. */
  readonly kinds: Readonly<Partial<Record<string, number>>>;
  /** How the runtime computes it; where it does not, why, and the file was decoded instead. */
  readonly runtime?: RuntimeUse;
  readonly refused?: string;
  /** Of the file, where a task was named. */
  readonly scores?: TaskScores;
  /** Why it failed its gate. */
  readonly failure?: string;
  /** Whether the file was written. */
  readonly kept: boolean;
}

export interface PackInput {
  readonly threads: number;
  readonly checkStop?: StopCheck | undefined;
  readonly task?: Task | undefined;
  /** What the gate decides on; without it random ids. */
  readonly dev?: readonly Example[];
  /** Fraction of dev examples to decide alike; default: that of the form. */
  readonly gate?: number | undefined;
  /** Whether a file that fails is written too. */
  readonly keep?: boolean | undefined;
  /** What else the scores must hold; a message where they do not. */
  readonly further?: ((scores: TaskScores | undefined) => string | undefined) | undefined;
}

export interface PackedModel extends Pick<PackExport, 'size' | 'kinds'> {
  readonly bytes: Uint8Array;
}

/** The model as a packed file. Throws EspalierError where a weight is no number or beyond f16. */
export function packModel(model: Model, form: PackForm, task?: Task): PackedModel {
  const { config, tokenizerFiles: files } = model;
  const architecture = architectureOf(config, new Set(model.tensors.keys()));
  const written = architecture === undefined ? config : { ...config, architectures: [architecture] };
  try {
    const tensors = packTensors(model, form);
    const pack = writePack({
      config: JSON.parse(formatConfig(written)) as Record<string, unknown>,
      task: task && { name: task.name, kind: task.kind, labels: task.labels },
      tensors,
      files,
    });
    const sizes = new Map(Array.from(model.tensors, ([name, { data }]) => [name, data.length]));
    const partOf = partsOf(model);
    return {
      bytes: pack.bytes,
      size: measurePack(pack, tensors, sizes, partOf),
      kinds: countKinds(tensors, partOf),
    };
  } catch (cause) {
    if (cause instanceof PackError) throw new EspalierError(`${model.source}: ${cause.message}`, { cause });
    throw cause;
  }
}

/** Packs the model, and writes it into the file `path` where it passes its gate, or where it is kept anyway. */
export async function exportPack(
  model: Model,
  path: string,
  form: PackForm,
  input: PackInput,
): Promise<PackExport> {
  const packed = packModel(model, form, input.task);
  const length = longestOf(input.dev ?? randomExamples(model, GATE_EXAMPLES));
  const opened = await openPacked(packed.bytes, path, { model, length, checkStop: input.checkStop });
  // Families that the runtime does not compute are read back instead.
  const artefact =
    'refused' in opened ? { ...decodedPack(packed.bytes, path, input.threads), ...opened } : opened;
  return writeGated(model, path, { ...packed, artefact, form }, input);
}

/** Packs a model without a head of a task: it decides nothing that a gate could compare, and gives embeddings. */
export async function exportEncoder(
  model: Model,
  path: string,
  form: PackForm,
): Promise<Pick<PackExport, 'size' | 'kinds' | 'runtime' | 'refused'>> {
  const { bytes, size, kinds } = packModel(model, form);
  const opened = await openPacked(bytes, path, { model, length: 1 });
  if (!('refused' in opened)) await opened.release();
  await writeFileAtomic(path, bytes);
  return { size, kinds, ...('refused' in opened ? opened : { runtime: opened.use }) };
}

/** A packed file that can compute. */
export interface OpenPack extends PackedModel {
  readonly artefact: PackedPredictor | (Predictor & Refused);
  readonly form: PackForm;
}

/** Compares an open pack with its model, releases it and writes it where it may be kept. */
export async function writeGated(
  model: Model,
  path: string,
  { bytes, size, kinds, artefact, form }: OpenPack,
  input: PackInput,
): Promise<PackExport> {
  const checked = await checkPack(model, artefact, input, input.gate ?? leastAgreement(form));
  await artefact.release();
  const reason = checked.failure ?? input.further?.(checked.scores);
  const kept = reason === undefined || (input.keep ?? false);
  const advice = kept ? '' : `; ${gateAdvice(checked.failure === undefined ? '--max-drop' : '--gate')}`;
  if (kept) await writeFileAtomic(path, bytes);
  return {
    ...{ ...checked, size, kinds, kept },
    ...('refused' in artefact ? { refused: artefact.refused } : { runtime: artefact.use }),
    ...(reason !== undefined && {
      failure: `${path} ${kept ? 'failed its gate and was kept' : 'was not written'}: ${reason}${advice}`,
    }),
  };
}

/** The float32 model that a file decodes to. */
const decodedPack = (bytes: Uint8Array, path: string, threads: number): Predictor =>
  createPredictor({ model: unpackModel(bytes, path), threads, device: 'cpu', padId: 0 });

/** Compares a packed file with its model in float32, on dev or on random ids. */
async function checkPack(
  model: Model,
  artefact: Pick<Predictor, 'logits'>,
  { threads, task, dev, checkStop }: PackInput,
  least: number,
): Promise<Agreement & { readonly scores?: TaskScores; readonly failure?: string }> {
  const examples = dev ?? randomExamples(model, GATE_EXAMPLES);
  const float = { ...model, quantisation: undefined };
  const reference = createPredictor({ model: float, threads, device: 'cpu', padId: 0, checkStop });
  const expected = await reference.logits(examples);
  await reference.release();
  const found = await artefact.logits(examples);
  const agreement = compareDecisions(expected, found, answersSpans(model));
  const scored = task &&
    dev && { expected: scoreLogits(task, expected, dev), found: scoreLogits(task, found, dev) };
  const failure = gateFailure({ ...agreement, task, dev, ...scored }, least);
  return { ...agreement, ...(scored && { scores: scored.found }), ...(failure !== undefined && { failure }) };
}
