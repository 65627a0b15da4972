// Tensors from nothing, as transformers initialises them: normal weights with the config's `initializer_range` (the
// biases of XLNet's attention among them), zero biases of layers, LayerNorm of one and zero.
import { random } from '../random.js';
import { f32, type HostTensor, sizeOf } from '../tensor/tensor.js';
import { type ModelConfig, parseConfig } from './config.js';
import { familyOf } from './families.js';
import type { Model } from './model.js';
import type { Part } from './tensor-table.js';

/**
 * The tensors of the named parts: those of `present` as they are, the others with random weights, whose values `seed`
 * and a tensor's name decide.
 */
export function randomParts(
  config: ModelConfig,
  parts: readonly Part[],
  seed: number,
  present: ReadonlyMap<string, HostTensor<'F32'>> = new Map(),
): Map<string, HostTensor<'F32'>> {
  const table = familyOf(config).tensors(config);
  const tensors = new Map<string, HostTensor<'F32'>>();
  for (const [name, shape] of parts.flatMap((part) => table.get(part) ?? [])) {
    const known = present.get(name);
    if (known) {
      tensors.set(name, known);
      continue;
    }
    const generator = random(seed, 'init', name);
    const draw = (): number => {
      if (/(LayerNorm|layer_norm)\.weight$/.test(name)) return 1;
      return name.endsWith('.bias') ? 0 : generator.normal() * config.initializer_range;
    };
    tensors.set(name, f32(shape, Float32Array.from({ length: sizeOf(shape) }, draw)));
  }
  return tensors;
}

/** Encoder and pooler, if there is one, of a config of BERT or a relative with random weights; `seed` decides them. */
export function randomBert(
  config: unknown,
  seed: number,
  tokenizerFiles: Model['tokenizerFiles'] = new Map(),
): Model {
  const parsed = parseConfig(config, 'config');
  const tensors = randomParts(parsed, ['embeddings', 'encoder', 'pooler'], seed);
  return { source: 'random', family: parsed.model_type, config: parsed, tensors, tokenizerFiles };
}

/**
 * The model with the heads of pre-training in the layout of Hugging Face's BertForPreTraining, or of the family's
 * ForMaskedLM: masked words and, with `nextSentence`, pooler and next sentence. What it has stays; what is missing is
 * new; heads of tasks are left out.
 */
export function withPretrainHeads(model: Model, nextSentence: boolean, seed: number): Model {
  const parts: Part[] = [
    'embeddings',
    'encoder',
    'mlm',
    ...(nextSentence ? (['pooler', 'nsp'] as const) : []),
  ];
  return { ...model, tensors: randomParts(model.config, parts, seed, model.tensors) };
}
