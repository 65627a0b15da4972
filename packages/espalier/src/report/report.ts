// report.json: what was done and what came of it, under stable keys.
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import type { TaskData } from '../data/example.js';
import { patternHash } from '../engine/pattern.js';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import type { Recipe } from '../recipe/recipe.js';
import type { Scores } from '../train/evaluation.js';
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
  };
  readonly sparsity: Sparsity;
  /** Where the model is quantised: what becomes of its weights in int8. */
  readonly int8?: QuantisedZeros;
  /** Where the result is an adapter instead of a model: all else is of the base under it. */
  readonly adapter?: AdapterReport;
  readonly parameters: { readonly total: number; readonly nonzero: number };
  readonly bytes: {
    readonly denseF32: number;
    /** The weights' file, an adapter's too, with gzip. */
    readonly gzip: number;
    /** The dense model as an ONNX file in post-training int8. */
    readonly denseInt8?: number;
    /** onnx/model_quantized.onnx. */
    readonly onnxInt8?: number;
  };
  readonly size: Size;
  readonly finalAdjustment: number | null;
  readonly maskHash: string;
  readonly steps: number;
  readonly seconds: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly versions: Readonly<Record<string, string>>;
  /** Path of the dense model that a pruned one of pre-training came from. */
  readonly dense?: string | undefined;
}

const zerosOf = (data: Float32Array): number => {
  let zeros = 0;
  for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++;
  return zeros;
};

/** Zeros of a model: by encoder matrix, over the encoder's matrices and over everything. */
export function measureSparsity(model: Model, target: number | null): Sparsity & Report['parameters'] {
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
