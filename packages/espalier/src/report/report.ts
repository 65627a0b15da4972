// report.json: what was done and what came of it, under stable keys.
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import type { TaskData } from '../data/example.js';
import { patternHash } from '../engine/pattern.js';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { isRagged, type Structure, structureOf } from '../models/structure.js';
import type { Recipe } from '../recipe/recipe.js';
import type { ScoreName, Scores } from '../train/evaluation.js';
import type { Agreement } from '../export/check-argmax.js';
import type { PackForm } from '../export/pack-choices.js';
import type { RuntimeUse } from '../export/packed-predictor.js';
import type { PackSize } from './pack-size.js';
import type { Size } from './size.js';
import type { QuantisedZeros } from './quantised-zeros.js';

export interface Sparsity {
  readonly target: number | null;
  /** Fraction of zeros over the encoder's linear matrices. */
  readonly encoder: number;
  /** Fraction of zeros over every parameter. */
  readonly model: number;
  readonly matrices: Readonly<Record<string, number>>;
}

export interface MaskedPart {
  readonly name: string;
  readonly weights: number;
  readonly zeros: number;
}

export interface Topology {
  readonly weights: number;
  /** Fraction of zeros over all masked tensors. */
  readonly sparsity: number;
  readonly components: readonly MaskedPart[];
  /** Embeddings, then the blocks by number. */
  readonly layers: readonly MaskedPart[];
}

/** What an adapter holds, in bytes, and where its mask prunes. */
export interface AdapterReport extends Topology {
  readonly bytes: number;
  readonly bits: number;
  readonly head: number;
  /** Of the base's embeddings and encoder in float32. */
  readonly base: number;
  readonly baseHash: string;
  /** What the method said last, by name. */
  readonly reported: Readonly<Record<string, number>>;
}

/** What became of the vocabulary. */
export interface VocabularyReport {
  readonly pieces: { readonly before: number; readonly after: number };
  /** Of the word embeddings in float32. */
  readonly bytes: { readonly before: number; readonly after: number };
  readonly devTokens: number;
  /** Fraction of them that are the pieces they were. */
  readonly unchanged: number;
  /** Text whose pieces stay beside the task's: its tokens, and the pieces it has at least `minFrequency` times. */
  readonly corpus?:
    | {
        readonly files: number;
        readonly tokens: number;
        readonly pieces: number;
        readonly minFrequency: number;
      }
    | undefined;
}

/** The packed file, and how near it is to the float32 model. */
export interface PackedReport extends Agreement {
  /** Whether it lies in the directory. */
  readonly kept: boolean;
  readonly form: PackForm;
  readonly runtime: RuntimeUse;
  readonly size: PackSize;
  /** Why it failed its gate. */
  readonly failure?: string;
}

export interface ParameterCounts {
  readonly total: number;
  /** Those of the encoder's blocks, biases and LayerNorm included. */
  readonly encoder: number;
}

export interface Report {
  readonly schema: 'espalier-report-1';
  readonly task: string;
  readonly model: string;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Hash over everything that decides the result; a resumed run has the same. */
  readonly fingerprint: string;
  readonly data: {
    readonly files: readonly string[];
    readonly sha256: readonly string[];
    readonly rows: readonly number[];
  };
  /** `dense` beside `compressed`; a dense fine-tuning has `dense` alone. */
  readonly metrics: {
    readonly dense?: Scores;
    readonly compressed?: Scores;
    /** The dense model in post-training int8. */
    readonly denseInt8?: Scores;
    /** onnx/model_quantized.onnx, scored by ONNX Runtime. */
    readonly onnxInt8?: Scores;
    /** model.espalier, scored by the runtime. */
    readonly packed?: Scores;
  };
  readonly sparsity: Sparsity;
  /** Where the model is quantised: what becomes of its weights in int8. */
  readonly int8?: QuantisedZeros;
  /** Where the result is an adapter instead of a model: all else is of the base under it. */
  readonly adapter?: AdapterReport;
  readonly parameters: ParameterCounts & {
    readonly nonzero: number;
    /** Of the model that the recipe started from, heads included. */
    readonly before?: ParameterCounts;
  };
  /** Lists that surgery reported: `droppedLayers` (from 1), `contributions` (of each layer). */
  readonly surgery?: Readonly<Record<string, readonly number[]>>;
  /** Where the vocabulary was pruned; `parameters.before` counts what was left of it. */
  readonly vocabulary?: VocabularyReport;
  /** Heads and neurons by block, where blocks have lost any. */
  readonly structure?: Structure & { readonly before: Structure };
  readonly bytes: {
    readonly denseF32: number;
    /** The weights' file, an adapter's too, with gzip. */
    readonly gzip: number;
    /** The dense model as an ONNX file in post-training int8. */
    readonly denseInt8?: number;
    /** onnx/model_quantized.onnx. */
    readonly onnxInt8?: number;
    /** model.espalier. */
    readonly packed?: number;
  };
  /** Where the result was packed. */
  readonly packed?: PackedReport;
  /** What of the gate was not met: the job failed. */
  readonly failure?: string;
  readonly size: Size;
  readonly finalAdjustment: number | null;
  readonly maskHash: string;
  readonly steps: number;
  readonly seconds: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Scores of every schedule that was tried, on examples held out of train. */
  readonly search?: {
    readonly metric: ScoreName;
    readonly heldRows: number;
    readonly cells: readonly {
      readonly schedule: string;
      readonly rounds: number;
      readonly score: number;
      readonly chosen: boolean;
    }[];
  };
  /** Path of the dense model that a pruned one of pre-training came from. */
  readonly dense?: string | undefined;
}

const zerosOf = (data: Float32Array): number => {
  let zeros = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++;
  return zeros;
};

/** Zeros of a model: by encoder matrix, over the encoder's matrices and over everything. */
export function measureSparsity(
  model: Model,
  target: number | null,
): Sparsity & Pick<Report['parameters'], 'total' | 'nonzero'> {
  const { encoderLinear } = familyOf(model.config);
  const matrices: Record<string, number> = {};
  const encoder = { zeros: 0, total: 0 };
  const whole = { zeros: 0, total: 0 };
  for (const [name, { data }] of model.tensors) {
    const zeros = zerosOf(data);
    whole.zeros += zeros;
    whole.total += data.length;
    if (!encoderLinear.test(name)) continue;
    matrices[name] = zeros / data.length;
    encoder.zeros += zeros;
    encoder.total += data.length;
  }
  return {
    target,
    encoder: encoder.total === 0 ? 0 : encoder.zeros / encoder.total,
    model: whole.zeros / whole.total,
    matrices,
    total: whole.total,
    nonzero: whole.total - whole.zeros,
  };
}

/** Parameters of a model, and of its blocks. */
export function countParameters({ config, tensors }: Model): ParameterCounts {
  const { blockPrefix } = familyOf(config);
  const counts = { total: 0, encoder: 0 };
  for (const [name, { data }] of tensors) {
    counts.total += data.length;
    if (name.startsWith(blockPrefix)) counts.encoder += data.length;
  }
  return counts;
}

/** Heads and neurons by block, where the run took any or the model has counts of its own. */
export function measureStructure(before: Model, { config }: Model): Pick<Report, 'structure'> {
  const changed = isRagged(config) || config.intermediate_size !== before.config.intermediate_size;
  return changed ? { structure: { ...structureOf(config), before: structureOf(before.config) } } : {};
}

/** Hash over the zero pattern of the encoder's linear matrices. */
export function maskHash(model: Model): string {
  const { encoderLinear } = familyOf(model.config);
  return patternHash(
    [...model.tensors].flatMap(([name, { data }]) =>
      encoderLinear.test(name) ? [[name, data] as const] : [],
    ),
  );
}

/** Bytes of a weights file on disk, and after gzip. */
export async function fileBytes(path: string): Promise<{ denseF32: number; gzip: number }> {
  const bytes = await readFile(path);
  return { denseF32: bytes.length, gzip: gzipSync(bytes, { level: 6 }).length };
}

export const dataSummary = (files: TaskData['files']): Report['data'] => ({
  files: files.map(({ path }) => path),
  sha256: files.map(({ sha256 }) => sha256),
  rows: files.map(({ rows }) => rows),
});
