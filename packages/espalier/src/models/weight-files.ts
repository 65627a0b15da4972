// Where a checkpoint folder keeps its weights: one model.safetensors, or shards that model.safetensors.index.json
// lists (Hugging Face layout). Pickled .bin files run code when opened and are not read.
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { EspalierError, FormatError } from '../errors.js';
import { readJson } from '../io/json.js';
import { readSafetensors } from '../tensor/safetensors.js';
import type { HostTensor } from '../tensor/tensor.js';

export const WEIGHTS = 'model.safetensors';
export const ADAPTER = 'adapter.safetensors';
/** Beside them, the packed file. */
export const PACKED = 'model.espalier';
export const SHARD_INDEX = 'model.safetensors.index.json';

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** The error for a place that has no weights we read; `files` are the names it does have. */
export function noWeights(place: string, files: readonly string[]): EspalierError {
  if (files.some((name) => /\.(bin|pt|ckpt|h5|msgpack)$/.test(name))) {
    return new EspalierError(
      `${place}: expected ${WEIGHTS}, found only weights in other formats, which are not read\n` +
        'convert with Python: transformers.AutoModel.from_pretrained(DIR).save_pretrained(OUT), with the Auto class of its head',
    );
  }
  return new EspalierError(`${place}: expected ${WEIGHTS} or ${SHARD_INDEX}, found neither`);
}

/** Tensor name to shard file. */
async function readIndex(path: string): Promise<Map<string, string>> {
  const parsed = indexSchema.safeParse(await readJson(path));
  if (!parsed.success) throw new FormatError(path, 'expected {"weight_map": {tensor: file}}');
  const map = new Map(Object.entries(parsed.data.weight_map));
  for (const [tensor, file] of map) {
    if (basename(file) !== file || !/^[\w.-]+\.safetensors$/.test(file)) {
      throw new FormatError(
        path,
        `tensor ${JSON.stringify(tensor)}: expected the name of a .safetensors file in the same folder, found ${JSON.stringify(file)}`,
      );
    }
  }
  return map;
}

async function readShards(folder: string): Promise<Map<string, HostTensor>> {
  const indexPath = join(folder, SHARD_INDEX);
  const index = await readIndex(indexPath);
  const all = new Map<string, HostTensor>();
  for (const file of new Set(index.values())) {
    for (const [name, tensor] of (await readSafetensors(join(folder, file))).tensors) {
      if (index.get(name) !== file) {
        throw new FormatError(
          join(folder, file),
          `tensor "${name}" stands here, expected in ${index.get(name) ?? 'no file'} by ${SHARD_INDEX}`,
        );
      }
      all.set(name, tensor);
    }
  }
  const missing = [...index.keys()].find((name) => !all.has(name));
  if (missing !== undefined) {
    throw new FormatError(
      indexPath,
      `tensor "${missing}": expected in ${index.get(missing)!}, not found there`,
    );
  }
  return all;
}

/** Every tensor of a checkpoint folder, and the file that names them in messages. Throws FormatError, EspalierError. */
export async function readWeights(
  folder: string,
): Promise<{ path: string; tensors: Map<string, HostTensor> }> {
  const files = await readdir(folder);
  if (files.includes(WEIGHTS)) {
    const path = join(folder, WEIGHTS);
    return { path, tensors: (await readSafetensors(path)).tensors };
  }
  if (files.includes(SHARD_INDEX)) {
    return { path: join(folder, SHARD_INDEX), tensors: await readShards(folder) };
  }
  throw noWeights(folder, files);
}
