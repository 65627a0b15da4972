// What a model consists of: shapes, zeros by matrix and component, bytes by part; where the zeros of attention lie; and
// how its embeddings moved against an earlier model.
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { z } from 'zod';
import { readDefinition } from '../data/tokenizer-definition.js';
import { FormatError, UsageError } from '../errors.js';
import {
  type Adapter,
  type AdapterDescription,
  isAdapter,
  loadModel,
  readAdapter,
} from '../models/adapter.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { isPack } from '../models/pack-file.js';
import { type Structure, structureOf } from '../models/structure.js';
import { ADAPTER, WEIGHTS } from '../models/weight-files.js';
import { blockPatterns, type NamedBlocks } from '../report/block-statistics.js';
import { neighbourOverlap } from '../report/neighbour-overlap.js';
import { type NamedPattern, queryKeyPatterns } from '../report/pattern-statistics.js';
import {
  countParameters,
  maskHash,
  measureSparsity,
  type ParameterCounts,
  type Topology,
} from '../report/report.js';
import { sizeOf } from '../tensor/tensor.js';
import type { PackInspection } from './inspect-pack.js';
import { baseOption, parseOptions } from './task-run.js';
import { topologyOf } from './topology.js';

export const inspectSchema = z.strictObject({
  model: z.string(),
  base: baseOption,
  against: z.string().optional().describe('the model before, whose embeddings are compared'),
});

export interface TensorSummary {
  readonly name: string;
  readonly shape: readonly number[];
  readonly component: string;
  readonly zeros: number;
  /** In memory as float32; of a pack in the file. */
  readonly bytes: number;
  /** How a pack has it. */
  readonly kind?: string;
}

export interface Inspection {
  readonly path: string;
  readonly format: 'hf' | 'onnx' | 'adapter' | 'pack';
  readonly family?: string;
  readonly config?: Readonly<Record<string, unknown>>;
  readonly tensors: readonly TensorSummary[];
  readonly components: readonly {
    readonly component: string;
    readonly parameters: number;
    readonly zeros: number;
    readonly bytes: number;
  }[];
  /** Heads and feed-forward neurons by block. */
  readonly structure?: Structure;
  readonly parameters?: ParameterCounts & { readonly layers: number };
  readonly sparsity?: { readonly encoder: number; readonly model: number };
  /** What an adapter says of itself and where its mask prunes; `tensors` are those of the base under it. */
  readonly adapter?: AdapterDescription & { readonly base: string; readonly baseHash: string } & Topology;
  /** Of a packed file: what its bytes are for, and how the runtime computes it. */
  readonly pack?: PackInspection;
  readonly maskHash?: string;
  /** Query and key matrices with zeros; absent where there are none. */
  readonly patterns?: readonly NamedPattern[];
  /** Whether zeros come in 1x4 blocks, for every matrix [out, in] with zeros; absent where there are none. */
  readonly blocks?: readonly NamedBlocks[];
  /** Nearest neighbours that word embeddings share with those of `path`. */
  readonly against?: {
    readonly path: string;
    readonly overlap: number;
    readonly neighbours: number;
    readonly pieces: number;
  };
  readonly bytes: number;
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
}

const COMPONENTS: readonly (readonly [string, RegExp])[] = [
  ['word embeddings', /word_embedding/],
  ['other embeddings', /embeddings|mask_emb|seg_embed/],
  ['query', /(\.(query|q_lin)\.weight|rel_attn\.q)$/],
  ['key', /(\.(key|k_lin)\.weight|rel_attn\.k)$/],
  ['value', /(\.(value|v_lin)\.weight|rel_attn\.v)$/],
  ['attention output', /(attention\.(output\.dense|out_lin)\.weight|rel_attn\.o)$/],
  ['distances', /rel_attn\.r$/],
  ['feed-forward in', /(intermediate\.dense|ffn\.lin1|ff\.layer_1)\.weight$/],
  ['feed-forward out', /layer\.\d+\.(output\.dense|ffn\.lin2|ff\.layer_2)\.weight$/],
  ['pooler', /pooler/],
  ['biases and LayerNorm', /(bias|(LayerNorm|layer_norm)\.weight)$/],
];

export const componentOf = (name: string): string =>
  COMPONENTS.find(([, pattern]) => pattern.test(name))?.[0] ?? 'heads';

/** Inspects a Hugging Face directory, Hub id, ONNX file or packed file. */
export async function inspect(input: z.input<typeof inspectSchema>): Promise<Inspection> {
  const { model: path, base, against } = parseOptions(inspectSchema, input, 'inspect');
  if (path.endsWith('.onnx')) {
    if (against === undefined) return inspectOnnx(path);
    throw new UsageError(`${path}: an ONNX file is not compared; name the directory it was made from`);
  }
  const model = await loadModel(path, base);
  const adapter = isAdapter(path) ? await readAdapter(path) : undefined;
  const packed = isPack(path)
    ? await (await import('./inspect-pack.js')).inspectPack(path, model)
    : undefined;
  const tensors = [...model.tensors].map(([name, { shape, data }]): TensorSummary => {
    let zeros = 0;
    for (let i = 0; i < data.length; i++) if (data[i] === 0) zeros++;
    const section = packed?.sections.get(name);
    const bytes = section?.length ?? data.byteLength;
    return {
      name,
      shape,
      component: componentOf(name),
      zeros,
      bytes,
      ...(section && { kind: section.kind }),
    };
  });
  const components = [...COMPONENTS.map(([component]) => component), 'heads'].flatMap((component) => {
    const members = tensors.filter((tensor) => tensor.component === component);
    if (members.length === 0) return [];
    const sum = (value: (tensor: TensorSummary) => number): number =>
      members.reduce((total, t) => total + value(t), 0);
    return [
      {
        component,
        parameters: sum((t) => sizeOf(t.shape)),
        zeros: sum((t) => t.zeros),
        bytes: sum((t) => t.bytes),
      },
    ];
  });
  const { encoder, model: whole } = measureSparsity(model, null);
  const patterns = queryKeyPatterns(model);
  const blocks = blockPatterns(model);
  const file = packed ? path : join(path, adapter ? ADAPTER : WEIGHTS);
  return {
    path,
    format: adapter ? 'adapter' : packed ? 'pack' : 'hf',
    family: familyOf(model.config).name,
    config: model.config,
    tensors,
    components,
    structure: structureOf(model.config),
    parameters: { ...countParameters(model), layers: model.config.num_hidden_layers },
    sparsity: { encoder, model: whole },
    ...(adapter && { adapter: summaryOf(adapter, model) }),
    ...(packed && { pack: packed.pack }),
    maskHash: maskHash(model),
    ...(patterns.length > 0 && { patterns }),
    ...(blocks.length > 0 && { blocks }),
    ...(against !== undefined && { against: compareEmbeddings(model, await loadCheckpoint(against)) }),
    bytes: existsSync(file) ? statSync(file).size : tensors.reduce((total, { bytes }) => total + bytes, 0),
  };
}

function summaryOf(adapter: Adapter, model: Model): NonNullable<Inspection['adapter']> {
  const { base, baseHash, task, kind, labels, method, options, masks } = adapter;
  return { base, baseHash, task, kind, labels, method, options, ...topologyOf(model, masks.keys()) };
}

/** Pieces whose neighbours are compared, and how many neighbours. */
const PIECES = 5000;
const NEIGHBOURS = 10;

function compareEmbeddings(model: Model, before: Model): NonNullable<Inspection['against']> {
  const [ids, theirs] = [piecesInOrder(model), piecesInOrder(before)];
  if (
    ids.length !== theirs.length ||
    ids.some(([id, piece], i) => theirs[i]![0] !== id || theirs[i]![1] !== piece)
  ) {
    throw new UsageError(`${before.source}: expected the vocabulary of ${model.source}, found another`);
  }
  const chosen = ids.slice(0, PIECES).map(([id]) => id);
  const tableOf = ({ config, tensors }: Model) => tensors.get(familyOf(config).words.decoder)!;
  const neighbours = Math.min(NEIGHBOURS, chosen.length - 1);
  const overlap = neighbourOverlap(tableOf(before), tableOf(model), { k: neighbours, order: chosen });
  return { path: before.source, overlap, neighbours, pieces: chosen.length };
}

/**
 * The pieces of a vocabulary by id, without special and unused ones. Vocabularies list words from frequent to rare,
 * after single characters: the nearest thing to a count that a checkpoint holds.
 */
function piecesInOrder({ source, tokenizerFiles }: Model): [id: number, piece: string][] {
  const { definition } = readDefinition(tokenizerFiles, source);
  const { vocab } = definition.model;
  const special = new Set(definition.added_tokens.map(({ id }) => id));
  const pieces = Array.isArray(vocab)
    ? vocab.map(([piece], id): [number, string] => [id, piece])
    : Object.entries(vocab).map(([piece, id]): [number, string] => [id, piece]);
  return pieces
    .filter(([id, piece]) => !special.has(id) && !/^\[.+\]$/.test(piece))
    .sort(([a], [b]) => a - b);
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
