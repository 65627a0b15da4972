// Which kind of packed tensor each weight of a model becomes (docs/format.md).
import {
  type Kind,
  MOST_SPARSE,
  type PackTensor,
  toF16,
  toF32,
  toInt4,
  toInt8,
  toSparse1x4,
  toSparseCodebook,
  toSparseF16,
  toSparseInt8,
} from '@espalier/runtime/format';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { sizeOf, type Shape } from '../tensor/tensor.js';
import type { PackForm } from './pack-choices.js';

/** Columns of a 4-bit table that share a scale (ours). */
const GROUP = 32;
/** A matrix with more values than this, of its places, is stored without a pattern (ours). */
const DENSE = 0.5;
/** A matrix whose blocks of four are at least so full has them as its pattern (ours; block pruning leaves 1). */
const FULL = 0.75;

type Form = (shape: Shape, values: Float32Array) => PackTensor;

const TABLES: Readonly<Record<PackForm['embeddings'], Form>> = {
  int8: toInt8,
  '4bit': (shape, values) => toInt4(shape, values, GROUP),
  f16: toF16,
  f32: toF32,
};

const SPARSE: Readonly<Record<PackForm['values'], Form>> = {
  int8: toSparseInt8,
  codebook: toSparseCodebook,
  f16: toSparseF16,
};

interface Fill {
  /** Fraction of places with a value. */
  readonly density: number;
  /** Fraction of values in blocks of four columns that have any. */
  readonly blocks: number;
}

/** In plain loops: a model has tens of millions of blocks. */
function fillOf(shape: Shape, values: Float32Array): Fill {
  const columns = sizeOf(shape.slice(1));
  let [count, places] = [0, 0];
  for (let row = 0; row < values.length; row += columns) {
    for (let from = row; from < row + columns; from += 4) {
      const until = Math.min(from + 4, row + columns);
      let kept = 0;
      for (let i = from; i < until; i++) if (values[i] !== 0) kept++;
      count += kept;
      if (kept > 0) places += until - from;
    }
  }
  return { density: count / values.length, blocks: count / places };
}

function packMatrix(shape: Shape, data: Float32Array, values: PackForm['values']): PackTensor {
  const { density, blocks } = fillOf(shape, data);
  const fits = Math.max(shape[0]!, sizeOf(shape.slice(1))) <= MOST_SPARSE;
  if (density > DENSE || !fits) return values === 'f16' ? toF16(shape, data) : toInt8(shape, data);
  return values === 'int8' && blocks >= FULL ? toSparse1x4(shape, data) : SPARSE[values](shape, data);
}

export type PackPart = 'encoder' | 'embeddings' | 'rest';

/** Embedding tables by name; words first. */
function tablesOf({ config }: Model): ReadonlySet<string> {
  const family = familyOf(config);
  const shapes = family.tensors(config).get('embeddings') ?? [];
  return new Set(shapes.filter(([, shape]) => shape.length === 2).map(([name]) => name));
}

/** A function that tells the part of a tensor by its name. */
export function partsOf(model: Model): (name: string) => PackPart {
  const { encoderLinear } = familyOf(model.config);
  const tables = tablesOf(model);
  return (name) => (encoderLinear.test(name) ? 'encoder' : tables.has(name) ? 'embeddings' : 'rest');
}

/** The model's tensors as a pack has them: vectors in f32, matrices of pooler and heads in f16. */
export function packTensors(model: Model, form: PackForm): Map<string, PackTensor> {
  const partOf = partsOf(model);
  const { decoder } = familyOf(model.config).words;
  const others = form.embeddings === 'f32' ? 'f32' : 'f16';
  return new Map(
    Array.from(model.tensors, ([name, { shape, data }]) => {
      const part = partOf(name);
      if (part === 'encoder') return [name, packMatrix(shape, data, form.values)];
      if (part === 'embeddings')
        return [name, TABLES[name === decoder ? form.embeddings : others](shape, data)];
      return [name, shape.length > 1 ? toF16(shape, data) : toF32(shape, data)];
    }),
  );
}

/** How many encoder matrices have each kind. */
export function countKinds(
  tensors: ReadonlyMap<string, PackTensor>,
  partOf: (name: string) => PackPart,
): Partial<Record<Kind, number>> {
  const counts: Partial<Record<Kind, number>> = {};
  for (const [name, { kind }] of tensors) {
    if (partOf(name) === 'encoder') counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
