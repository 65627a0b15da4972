// What a model consists of: shapes, zeros by matrix and component, bytes by part.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';
import { FormatError } from '../errors.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import { familyOf } from '../models/families.js';
import { maskHash, measureSparsity } from '../report/report.js';
import { parseOptions } from './task-run.js';

export const inspectSchema = z.strictObject({ model: z.string() });

export interface TensorSummary {
  readonly name: string;
  readonly shape: readonly number[];
  readonly component: string;
  readonly zeros: number;
  readonly bytes: number;
}

export interface Inspection {
  readonly path: string;
  readonly format: 'hf' | 'onnx';
  readonly family?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly tensors: readonly TensorSummary[];
  readonly components: readonly {
    readonly component: string;
    readonly parameters: number;
    readonly zeros: number;
    readonly bytes: number;
  }[];
  readonly sparsity?: { readonly encoder: number; readonly model: number };
  readonly maskHash?: string;
  readonly bytes: number;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
}

const COMPONENTS: readonly (readonly [string, RegExp])[] = [
  ['word embeddings', /word_embeddings/],
  ['other embeddings', /embeddings/],
  ['query', /\.query\.weight$/],
  ['key', /\.key\.weight$/],
  ['value', /\.value\.weight$/],
  ['attention output', /attention\.output\.dense\.weight$/],
  ['feed-forward in', /intermediate\.dense\.weight$/],
  ['feed-forward out', /layer\.\d+\.output\.dense\.weight$/],
  ['pooler', /pooler/],
  ['biases and LayerNorm', /(bias|LayerNorm\.weight)$/],
];

const componentOf = (name: string): string =>
  COMPONENTS.find(([, pattern]) => pattern.test(name))?.[0] ?? 'heads';

/** Inspects a Hugging Face directory, Hub id or ONNX file. */
export async function inspect(input: z.input<typeof inspectSchema>): Promise<Inspection> {
  const { model: path } = parseOptions(inspectSchema, input, 'inspect');
  if (path.endsWith('.onnx')) return inspectOnnx(path);
  const model = await loadCheckpoint(path);
  const tensors = [...model.tensors].map(([name, { shape, data }]): TensorSummary => {
    let zeros = 0;
    for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++;
    return { name, shape, component: componentOf(name), zeros, bytes: data.byteLength };
  });
  const components = [...COMPONENTS.map(([component]) => component), 'heads'].flatMap((component) => {
    const members = tensors.filter((tensor) => tensor.component === component);
    if (members.length === 0) return [];
    const sum = (value: (tensor: TensorSummary) => number): number =>
      members.reduce((total, t) => total + value(t), 0);
    return [
      {
        component,
        parameters: sum((t) => t.bytes / 4),
        zeros: sum((t) => t.zeros),
        bytes: sum((t) => t.bytes),
      },
    ];
  });
  const { encoder, model: whole } = measureSparsity(model, null);
  const file = join(path, 'model.safetensors');
  return {
    path,
    format: 'hf',
    family: familyOf(model.config).name,
    config: model.config,
    tensors,
    components,
    sparsity: { encoder, model: whole },
    maskHash: maskHash(model),
    bytes: existsSync(file) ? statSync(file).size : tensors.reduce((total, { bytes }) => total + bytes, 0),
  };
}

async function inspectOnnx(path: string): Promise<Inspection> {
  if (!existsSync(path)) throw new FormatError(path, 'no such file');
  const session = await InferenceSession.create(path, { logSeverityLevel: 3 }).catch((cause: unknown) => {
    throw new FormatError(
      path,
      `ONNX Runtime cannot open it: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  });
  const { inputNames, outputNames } = session;
  await session.release();
  return {
    path,
    format: 'onnx',
    tensors: [],
    components: [],
    bytes: statSync(path).size,
    inputs: [...inputNames],
    outputs: [...outputNames],
  };
}
