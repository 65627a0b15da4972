// A model from nothing, as transformers initialises BERT: normal weights with the config's `initializer_range`, zero
// biases, LayerNorm of one and zero.
import { random } from '../random.js';
import { f32, type HostTensor, sizeOf } from '../tensor/tensor.js';
import { bertTensors } from './bert-tensors.js';
import { parseConfig } from './config.js';
import type { Model } from './model.js';

/** Encoder and pooler of a BERT config with random weights; `seed` decides them. */
export function randomBert(
  config: unknown,
  seed: number,
  tokenizerFiles: Model['tokenizerFiles'] = new Map(),
): Model {
  const parsed = parseConfig(config, 'config');
  const parts = bertTensors(parsed);
  const tensors = new Map<string, HostTensor<'F32'>>();
  for (const part of ['embeddings', 'encoder', 'pooler'] as const) {
    for (const [name, shape] of parts.get(part) ?? []) {
      const generator = random(seed, 'init', name);
      const draw = (): number => {
        if (name.endsWith('LayerNorm.weight')) return 1;
        return name.endsWith('bias') ? 0 : generator.normal() * parsed.initializer_range;
      };
      tensors.set(name, f32(shape, Float32Array.from({ length: sizeOf(shape) }, draw)));
    }
  }
  return { source: 'random', family: 'bert', config: parsed, tensors, tokenizerFiles };
}
