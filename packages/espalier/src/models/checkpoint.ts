import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors } from '../tensor/safetensors.js';
import type { HostTensor } from '../tensor/tensor.js';
import type { ModelConfig } from './config.js';
export interface Checkpoint {
  source: string;
  family: string;
  config: ModelConfig;
  tensors: Map<string, HostTensor<'F32'>>;
  tokenizerFiles: Map<string, Uint8Array>;
}
export async function loadCheckpoint(dir: string): Promise<Checkpoint> {
  const config = JSON.parse(await readFile(join(dir, 'config.json'), 'utf8')) as ModelConfig;
  const { tensors } = await readSafetensors(join(dir, 'model.safetensors'));
  const files = new Map<string, Uint8Array>();
  for (const f of ['tokenizer.json', 'tokenizer_config.json', 'vocab.txt'])
    if (existsSync(join(dir, f))) files.set(f, await readFile(join(dir, f)));
  return {
    source: dir,
    family: 'bert',
    config,
    tensors: tensors as Map<string, HostTensor<'F32'>>,
    tokenizerFiles: files,
  };
}
export async function saveCheckpoint(dir: string, c: Checkpoint): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'config.json'), JSON.stringify(c.config, null, 2));
  await writeSafetensors(join(dir, 'model.safetensors'), c.tensors, { format: 'pt' });
  for (const [f, b] of c.tokenizerFiles) await writeFile(join(dir, f), b);
}
