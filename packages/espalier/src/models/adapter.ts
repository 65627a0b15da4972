// An adapter: what Adapting by Pruning leaves of a task, in one safetensors file beside nothing else. One bit for every
// masked weight of a base model, the head, and a hash by which the base is known. The base stays where it is.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { z } from 'zod';
import { EspalierError, FormatError, UsageError } from '../errors.js';
import { ioError } from '../io/io-error.js';
import { parseJson } from '../io/json.js';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors.js';
import type { HostTensor } from '../tensor/tensor.js';
import { checkFinite } from './canonical-names.js';
import { loadCheckpoint } from './checkpoint.js';
import type { ModelConfig } from './config.js';
import { familyOf } from './families.js';
import type { Model } from './model.js';
import { isPack, loadPack } from './pack-file.js';
import { bitAt, isWholeMask, packNonzero } from './packed-bits.js';
import { taskConfig } from './task-model.js';
import { validateTensors } from './tensors.js';
import { ADAPTER } from './weight-files.js';

const MASK = 'mask:';

const described = z.object({
  task: z.string(),
  kind: z.enum(['classification', 'regression', 'span']),
  labels: z.array(z.string()),
  method: z.string(),
  options: z.record(z.string(), z.unknown()),
});

const metadataSchema = z.object({
  format: z.literal('espalier-adapter-1'),
  base: z.string().min(1),
  base_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  adapter: z.string(),
});

export type AdapterDescription = z.infer<typeof described>;

export interface Adapter extends AdapterDescription {
  /** Folder or Hub id of the base; in the file a folder is relative to the adapter's. */
  readonly base: string;
  /** Over the base's weights: embeddings and encoder. */
  readonly baseHash: string;
  /** Packed bits by tensor: 1 keeps. */
  readonly masks: ReadonlyMap<string, Uint8Array>;
  readonly head: ReadonlyMap<string, HostTensor<'F32'>>;
}

/** Names of the tensors of embeddings and encoder. */
export function bodyNames(config: ModelConfig): string[] {
  const parts = familyOf(config).tensors(config);
  return [...parts.get('embeddings')!, ...parts.get('encoder')!].map(([name]) => name);
}

/** SHA-256 over names and values of a model's embeddings and encoder; heads do not count. */
export function bodyHash({ config, tensors }: Pick<Model, 'config' | 'tensors'>): string {
  const hash = createHash('sha256');
  for (const name of bodyNames(config).sort()) {
    const { buffer, byteOffset, byteLength } = tensors.get(name)!.data;
    hash.update(name).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

/**
 * What a trained model is beyond its base: zeros of the masked tensors, and its head. Throws EspalierError when any
 * other weight of the body differs from the base's.
 */
export function adapterOf(
  base: Model,
  trained: Model,
  masked: readonly string[],
  description: AdapterDescription,
): Adapter {
  const masks = new Map<string, Uint8Array>();
  const body = bodyNames(base.config);
  const isMasked = new Set(masked);
  for (const name of body) {
    const [before, after] = [base.tensors.get(name)!.data, trained.tensors.get(name)!.data];
    for (let i = 0; i < before.length; i++) {
      if (Object.is(before[i], after[i]) || (isMasked.has(name) && after[i] === 0)) continue;
      throw new EspalierError(
        `${name}: a weight of the base changed, from ${before[i]} to ${after[i]}; this is a bug`,
      );
    }
    if (isMasked.has(name)) masks.set(name, packNonzero(after));
  }
  const inBody = new Set(body);
  const head = new Map([...trained.tensors].filter(([name]) => !inBody.has(name)));
  return { ...description, base: base.source, baseHash: bodyHash(base), masks, head };
}

/** Writes the adapter into an existing folder, whole or not at all. */
export async function writeAdapter(folder: string, adapter: Adapter): Promise<void> {
  const { base, baseHash, masks, head, ...description } = adapter;
  const tensors = new Map<string, HostTensor>(head);
  for (const [name, data] of masks)
    tensors.set(`${MASK}${name}`, { dtype: 'U8', shape: [data.length], data });
  await writeSafetensors(join(folder, ADAPTER), tensors, {
    format: 'espalier-adapter-1',
    base: existsSync(base) ? relative(resolve(folder), resolve(base)) : base,
    base_sha256: baseHash,
    adapter: JSON.stringify(described.parse(description)),
  });
}

export const isAdapter = (folder: string): boolean => existsSync(join(folder, ADAPTER));

/** The adapter of a folder. Throws FormatError naming file and key or tensor. */
export async function readAdapter(folder: string): Promise<Adapter> {
  const path = join(folder, ADAPTER);
  const { metadata, tensors } = await readSafetensors(path);
  const known = metadataSchema.safeParse(metadata);
  if (!known.success) {
    const { path: key } = known.error.issues[0]!;
    throw new FormatError(
      path,
      `metadata "${key.join('.')}": expected that of an adapter; not written by this version`,
    );
  }
  const description = described.safeParse(parseJson(known.data.adapter, path, 'metadata "adapter"'));
  if (!description.success) {
    const { path: key, message } = description.error.issues[0]!;
    throw new FormatError(path, `metadata "adapter", ${key.join('.')}: ${message}`);
  }
  const masks = new Map<string, Uint8Array>();
  const head = new Map<string, HostTensor<'F32'>>();
  for (const [name, tensor] of tensors) {
    const { dtype, shape, data } = tensor;
    if (name.startsWith(MASK) && dtype === 'U8' && data instanceof Uint8Array)
      masks.set(name.slice(MASK.length), data);
    else if (dtype === 'F32' && data instanceof Float32Array) {
      checkFinite(name, { dtype, shape, data }, path);
      head.set(name, { dtype, shape, data });
    } else
      throw new FormatError(path, `tensor "${name}": expected a mask of U8 or a head of F32, found ${dtype}`);
  }
  const { base, base_sha256: baseHash } = known.data;
  const moved = resolve(folder, base);
  return { ...description.data, base: existsSync(moved) ? moved : base, baseHash, masks, head };
}

/** The base under the masks, with the head. Throws FormatError where they are not made for it. */
export function applyAdapter(base: Model, adapter: Adapter, folder: string): Model {
  const path = join(folder, ADAPTER);
  const found = bodyHash(base);
  if (found !== adapter.baseHash) {
    throw new FormatError(
      path,
      `belongs to base ${adapter.base} with SHA-256 ${adapter.baseHash.slice(0, 16)}..., found ${base.source} with ` +
        `${found.slice(0, 16)}...\nname the right base with --base DIR`,
    );
  }
  const config = taskConfig(base, adapter);
  const tensors = new Map(bodyNames(config).map((name) => [name, base.tensors.get(name)!]));
  for (const [name, bits] of adapter.masks) {
    const tensor = tensors.get(name);
    if (!tensor) throw new FormatError(path, `mask of "${name}": the base ${base.source} has no such tensor`);
    const { data } = tensor;
    if (!isWholeMask(bits, data.length)) {
      throw new FormatError(
        path,
        `mask of "${name}": expected ${data.length} bits, found ${bits.length} bytes`,
      );
    }
    tensors.set(name, { ...tensor, data: data.map((weight, i) => (bitAt(bits, i) === 1 ? weight : 0)) });
  }
  for (const [name, tensor] of adapter.head) tensors.set(name, tensor);
  validateTensors(config, tensors, path);
  return { ...base, source: folder, config, tensors, quantisation: undefined };
}

/** The base of an adapter. Throws UsageError when it is not where the adapter says. */
export async function loadBase({ base }: Adapter, folder: string, moved: string | undefined): Promise<Model> {
  const source = moved ?? base;
  return loadCheckpoint(source).catch((cause: unknown) => {
    if (!(cause instanceof UsageError) || moved !== undefined) throw ioError(cause, 'reading', source);
    throw new UsageError(
      `${join(folder, ADAPTER)}: its base ${base} is not there; name where it is with --base DIR`,
      {
        cause,
      },
    );
  });
}

/** What a command that trains nothing takes. */
const USABLE =
  'a folder, a Hub id, or a file that ends with .espalier (of evaluate, predict, inspect and bench also .onnx)';

/**
 * The model of a folder or Hub id, an adapter's over its base. `base` says where that is now. Throws as
 * `loadCheckpoint`, `readAdapter` and `applyAdapter`.
 */
export async function loadModel(source: string, base?: string): Promise<Model> {
  if (isAdapter(source)) {
    const adapter = await readAdapter(source);
    return applyAdapter(await loadBase(adapter, source, base), adapter, source);
  }
  if (base === undefined)
    return isPack(source) ? loadPack(source) : loadCheckpoint(source, { expected: USABLE });
  throw new UsageError(`--base ${base}: ${source} is no adapter, which alone has a base`);
}
