// Checkpoints in Hugging Face layout: config.json, safetensors, tokenizer files. In memory all weights are F32
// under their present names; what is written loads in transformers without a missing or unexpected tensor.
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FormatError, UsageError } from '../errors.js';
import { writeDirectoryAtomic, writeFileAtomic } from '../io/atomic.js';
import { ioError } from '../io/io-error.js';
import { readJson } from '../io/json.js';
import { writeSafetensors } from '../tensor/safetensors.js';
import type { HostTensor } from '../tensor/tensor.js';
import { canonicalTensors } from './canonical-names.js';
import { formatConfig, type ModelConfig, parseConfig } from './config.js';
import { familyOf, longestInput, padSideOf } from './families.js';
import { isHubId } from './hub-id.js';
import { inferFamily } from './infer-family.js';
import {
  formatQuantisation,
  QUANTISATION,
  type Quantisation,
  readQuantisation,
  validateQuantisation,
} from './quantisation.js';
import { architectureOf, validateTensors } from './tensors.js';
import {
  completeTokenizerFiles,
  readTokenizerFiles,
  type TokenizerFiles,
  validateVocabulary,
} from './tokenizer-files.js';
import { ADAPTER, readWeights, WEIGHTS } from './weight-files.js';

/** A model with its tokenizer, in host memory. */
export interface Checkpoint {
  /** The folder or Hub id it came from, for messages and reports. */
  source: string;
  /** Name of the model family; equals `config.model_type`. */
  family: string;
  config: ModelConfig;
  /** Weights by Hugging Face name. */
  tensors: Map<string, HostTensor<'F32'>>;
  /** Bytes of the tokenizer files there were, by file name. */
  tokenizerFiles: TokenizerFiles;
  /** How the model is run in int8; `tensors` are then the float32 master weights. */
  quantisation?: Quantisation | undefined;
}

export interface LoadOptions {
  /** Branch, tag or commit of a Hub id; `main` by default. */
  readonly revision?: string | undefined;
  /** Whether a checkpoint without embedding tables is refused; true by default. */
  readonly requireEmbeddings?: boolean | undefined;
  /** What may be named, for the error where a file is; a folder or Hub id by default. */
  readonly expected?: string | undefined;
}

async function findFolder(
  source: string,
  { revision, expected = 'a folder or Hub id' }: LoadOptions,
): Promise<string> {
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory()) {
    if (revision === undefined) return source;
    throw new UsageError(`revision ${revision}: expected a Hub id with it, found the folder ${source}`);
  }
  const shown = JSON.stringify(source);
  if (found) throw new UsageError(`model ${shown}: expected ${expected}, found a file`);
  const [first, name] = source.split('/');
  if (isHubId(source) && name !== undefined && revision === undefined && existsSync(first!)) {
    throw new UsageError(
      `model ${shown}: the folder ${first!} is here, and no ${name} in it: correct the path; if the Hub's model of that ` +
        'name is meant, run this in another folder',
    );
  }
  if (isHubId(source)) return (await import('./hub.js')).fetchFromHub(source, revision);
  throw new UsageError(`model ${shown}: no such folder, and no Hub id such as owner/name`);
}

async function readConfig(folder: string): Promise<Record<string, unknown>> {
  const path = join(folder, 'config.json');
  const config = await readJson(path);
  if (typeof config === 'object' && config !== null && !Array.isArray(config)) return { ...config };
  throw new FormatError(path, 'expected a JSON object');
}

/**
 * Loads a checkpoint from a folder in Hugging Face layout or from the Hub. Throws UsageError when `source` is
 * neither, or a path that is not there in a folder that is, FormatError naming file, key or tensor, expected and found,
 * EspalierError when a file cannot be had.
 */
export async function loadCheckpoint(
  source: string,
  { requireEmbeddings = true, ...options }: LoadOptions = {},
): Promise<Checkpoint> {
  const folder = await findFolder(source, options);
  if (existsSync(join(folder, ADAPTER))) {
    throw new UsageError(
      `${source}: expected a model, found ${ADAPTER}, which is none without its base\n` +
        `make a whole model of it: espalier export ${source} --to hf --out DIR`,
    );
  }
  try {
    const rawConfig = await readConfig(folder);
    const configPath = join(folder, 'config.json');
    // A family that is not supported is known by its config, before a gigabyte is read.
    if (typeof rawConfig['model_type'] === 'string') inferFamily(rawConfig, [], configPath);
    const weights = await readWeights(folder);
    const family = inferFamily(rawConfig, weights.tensors.keys(), configPath);
    const config = parseConfig({ ...rawConfig, model_type: family }, configPath);
    const tensors = canonicalTensors(familyOf(config), weights.tensors, weights.path);
    validateTensors(config, tensors, weights.path, { requireEmbeddings });
    const tokenizerFiles = await readTokenizerFiles(folder);
    validateVocabulary(tokenizerFiles, config.vocab_size, folder);
    const record = join(folder, QUANTISATION);
    const quantisation = existsSync(record) ? await readQuantisation(record, tensors) : undefined;
    return { source, family, config, tensors, tokenizerFiles, ...(quantisation && { quantisation }) };
  } catch (cause) {
    throw ioError(cause, 'reading', folder);
  }
}

/**
 * Writes the files of a checkpoint into an existing folder, each whole or not at all, config.json last. Throws
 * FormatError when tensors and config disagree, EspalierError when a file cannot be written.
 */
export async function writeCheckpointFiles(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { config, tensors, tokenizerFiles, quantisation } = checkpoint;
  const record = join(folder, QUANTISATION);
  validateTensors(config, tensors, join(folder, WEIGHTS), { requireEmbeddings: false });
  if (quantisation) validateQuantisation(quantisation, tensors, record);
  await writeSafetensors(join(folder, WEIGHTS), tensors, { format: 'pt' });
  const tokenizer = completeTokenizerFiles(tokenizerFiles, {
    maxLength: longestInput(config),
    padSide: padSideOf(config),
  });
  for (const [name, bytes] of tokenizer) await writeFileAtomic(join(folder, name), bytes);
  if (quantisation) await writeFileAtomic(record, formatQuantisation(quantisation));
  const architecture = architectureOf(config, new Set(tensors.keys()));
  const written = architecture === undefined ? config : { ...config, architectures: [architecture] };
  await writeFileAtomic(join(folder, 'config.json'), formatConfig(written));
}

/**
 * Writes a checkpoint as a folder in Hugging Face layout, whole or not at all. A checkpoint already there is
 * replaced; a folder that holds anything else is not. Throws as `writeCheckpointFiles`.
 */
export const saveCheckpoint = (folder: string, checkpoint: Checkpoint): Promise<void> =>
  writeDirectoryAtomic(folder, (temporary) => writeCheckpointFiles(temporary, checkpoint));
