// Questions of the garden language as files of SQuAD 1.1, and a BERT small enough to learn them in seconds.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gardenConfig, gardenQuestions, gardenTokenizerFiles } from '../../src/data/garden/garden.js';
import type { Sizes } from '../../src/data/garden/labelled.js';
import { saveCheckpoint } from '../../src/models/checkpoint.js';
import { randomBert } from '../../src/models/initialise.js';

/** Writes `squad/train-v1.1.json` and its dev file, and the model `base`, under `folder`. */
export async function writeGardenSquad(folder: string, sizes: Sizes): Promise<void> {
  mkdirSync(join(folder, 'squad'), { recursive: true });
  const { train, dev } = gardenQuestions(1, sizes);
  writeFileSync(join(folder, 'squad', 'train-v1.1.json'), JSON.stringify(train));
  writeFileSync(join(folder, 'squad', 'dev-v1.1.json'), JSON.stringify(dev));
  const size = { hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 64 };
  const config = { ...gardenConfig(), ...size, initializer_range: 0.1 };
  await saveCheckpoint(join(folder, 'base'), randomBert(config, 1, gardenTokenizerFiles()));
}
