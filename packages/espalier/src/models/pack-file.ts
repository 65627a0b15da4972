// Reading a packed file back into a model with float32 weights, those that the pack has.
import { readFile } from 'node:fs/promises';
import { denseOf, openPack, PackError, type TensorSection } from '@espalier/runtime/format';
import { FormatError } from '../errors.js';
import { ioError } from '../io/io-error.js';
import { f32 } from '../tensor/tensor.js';
import { parseConfig } from './config.js';
import { inferFamily } from './infer-family.js';
import type { Model } from './model.js';
import { validateTensors } from './tensors.js';
import { validateVocabulary } from './tokenizer-files.js';

export const isPack = (path: string): boolean => path.endsWith('.espalier');

/** The model in the bytes of a packed file. Throws FormatError naming `path`. */
export function unpackModel(bytes: Uint8Array, path: string): Model {
  try {
    const pack = openPack(bytes);
    const { header } = pack;
    const family = inferFamily(header.config, header.tensors.keys(), path);
    const config = parseConfig({ ...header.config, model_type: family }, path);
    const tensors = new Map(
      Array.from(header.tensors, ([name, { shape }]) => [name, f32(shape, denseOf(pack.tensor(name)))]),
    );
    validateTensors(config, tensors, path);
    const tokenizerFiles = new Map(Array.from(header.files.keys(), (name) => [name, pack.file(name)]));
    validateVocabulary(tokenizerFiles, config.vocab_size, path);
    return { source: path, family, config, tensors, tokenizerFiles };
  } catch (cause) {
    if (cause instanceof PackError) throw new FormatError(path, cause.message, { cause });
    throw cause;
  }
}

const read = (path: string): Promise<Uint8Array> =>
  readFile(path).catch((cause: unknown) => {
    throw ioError(cause, 'reading', path);
  });

/** Loads a packed file. Throws FormatError where it is broken, EspalierError when it cannot be read. */
export const loadPack = async (path: string): Promise<Model> => unpackModel(await read(path), path);

/** Name of the task that a packed file was made for, where it says so. */
export const packedTask = async (path: string): Promise<string | undefined> =>
  openPack(await read(path)).header.task?.name;

/** Where a packed file has each tensor, and in which kind. */
export const packedSections = async (path: string): Promise<ReadonlyMap<string, TensorSection>> =>
  openPack(await read(path)).header.tensors;
