// Runs a packed file as its users do: in @espalier/runtime, from ids to logits.
import { type Form, load, type Model as RuntimeModel, RuntimeError } from '@espalier/runtime';
import { openPack, PackError } from '@espalier/runtime/format';
import type { Example } from '../data/example.js';
import { EspalierError, FormatError, type StopCheck } from '../errors.js';
import type { Model } from '../models/model.js';
import type { Predictor } from '../train/predictor.js';
import { type LayerCounts, layersOf } from './pack-layers.js';
import { allowRelaxedSimd } from './relaxed-simd.js';

/** How the runtime computes a file. */
export interface RuntimeUse {
  /** What was asked for. */
  readonly form: Form;
  /** Encoder matrices by the form that they are computed in. */
  readonly layers: LayerCounts;
  /** Instructions of each group of kernels. */
  readonly levels: Readonly<Record<string, string>>;
}

export interface PackedPredictor extends Predictor {
  readonly use: RuntimeUse;
}

/** Why the runtime does not compute this kind of model. */
export interface Refused {
  readonly refused: string;
}

export interface PackedOptions {
  /** The model that is in the file. */
  readonly model: Pick<Model, 'config'>;
  readonly form?: Form;
  /** Ids of the longest example; a file has room for a few of them in memory. */
  readonly length: number;
  readonly checkStop?: StopCheck | undefined;
}

/** Examples that the runtime gets at once: between them a signal is seen. */
const SLICE = 64;

/** Logits of every example; of answer spans a start and then an end for each of its ids. */
async function logitsOf(runtime: RuntimeModel, examples: readonly Example[]): Promise<Float32Array[]> {
  if (runtime.labels.length > 0) return (await runtime.classifyIds(examples)).map(({ logits }) => logits);
  const spans = await runtime.spanIds(examples);
  return spans.map(({ start, end }) => Float32Array.of(...start, ...end));
}

/** Throws FormatError where the file is broken, EspalierError where the runtime cannot take it; both name `path`. */
export async function openPacked(
  bytes: Uint8Array,
  path: string,
  { model, form = 'auto', length, checkStop }: PackedOptions,
): Promise<PackedPredictor | Refused> {
  allowRelaxedSimd();
  try {
    const runtime = await load(bytes, { form, largest: { length } });
    const layers = layersOf(openPack(bytes).header.tensors, model, form);
    return {
      use: { form, layers, levels: runtime.levels },
      async logits(examples) {
        const logits: Float32Array[] = [];
        for (let start = 0; start < examples.length; start += SLICE) {
          checkStop?.();
          logits.push(...(await logitsOf(runtime, examples.slice(start, start + SLICE))));
        }
        return logits;
      },
      release: () => runtime[Symbol.asyncDispose](),
    };
  } catch (cause) {
    if (cause instanceof PackError) throw new FormatError(path, cause.message, { cause });
    if (!(cause instanceof RuntimeError)) throw cause;
    if (cause.code === 'unsupported-model') return { refused: cause.message };
    throw new EspalierError(`${path}: ${cause.message}`, { cause });
  }
}
