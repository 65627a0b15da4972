// A BERT of a few hundred numbers with a classification head, and its files.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ModelConfig, parseConfig } from '../../src/models/config.js';
import { familyOf } from '../../src/models/families.js';
import type { Part } from '../../src/models/tensor-table.js';
import { writeSafetensors } from '../../src/tensor/safetensors.js';
import { type HostTensor, sizeOf } from '../../src/tensor/tensor.js';

export const tinyVocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'tree', '##s'];

export const tinyConfig = {
  model_type: 'bert',
  architectures: ['BertForSequenceClassification'],
  vocab_size: tinyVocabulary.length,
  hidden_size: 4,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 6,
  max_position_embeddings: 5,
};

/** Tensors of the parts, each filled with numbers of its own. */
export function tinyTensors(
  parts: readonly Part[] = ['embeddings', 'encoder', 'pooler', 'classifier'],
  config: ModelConfig = parseConfig(tinyConfig, 'config.json'),
): Map<string, HostTensor> {
  const tensors = new Map<string, HostTensor>();
  for (const [part, shapes] of familyOf(config).tensors(config)) {
    if (!parts.includes(part)) continue;
    for (const [name, shape] of shapes) {
      const data = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i + tensors.size));
      tensors.set(name, { dtype: 'F32', shape, data });
    }
  }
  return tensors;
}

export interface TinyFiles {
  readonly config?: object;
  readonly tensors?: ReadonlyMap<string, HostTensor>;
  /** Further files by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Writes a checkpoint folder and returns it. */
export async function writeTiny(
  folder: string,
  { config = tinyConfig, tensors = tinyTensors(), files = {} }: TinyFiles = {},
): Promise<string> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  await writeSafetensors(join(folder, 'model.safetensors'), tensors);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}
