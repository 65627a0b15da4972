// Models of four layers that PyTorch ran whole and without some of them (scripts/drop_layers_goldens.py).
import type { Example } from '../../src/data/example.js';
import { parseConfig } from '../../src/models/config.js';
import type { Model } from '../../src/models/model.js';
import { toF32 } from '../../src/tensor/half.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import type { HostTensor } from '../../src/tensor/tensor.js';
import { fixture } from './golden.js';

export const DROPPED_FAMILIES = ['bert', 'distilbert', 'roberta', 'electra', 'xlnet'] as const;

export interface DroppedGolden {
  readonly model: Model;
  readonly examples: readonly Example[];
  readonly padId: number;
  /** Logits without some layers, by their numbers from 1. */
  readonly logits: readonly (readonly [layers: readonly number[], logits: HostTensor])[];
  readonly contributions: readonly number[];
}

export async function droppedGolden(family: (typeof DROPPED_FAMILIES)[number]): Promise<DroppedGolden> {
  const file = `dropped-${family}.safetensors`;
  const { tensors, metadata } = await readSafetensors(fixture(file));
  const config = parseConfig(JSON.parse(metadata['golden']!).config, file);
  const ids = tensors.get('input_ids')!;
  const mask = tensors.get('attention_mask')!.data;
  const [rows, length] = ids.shape as [number, number];
  const examples = Array.from({ length: rows }, (_, index): Example => {
    const at = index * length;
    const real = Array.from(ids.data.slice(at, at + length), Number).filter(
      (_, token) => mask[at + token] === 1,
    );
    return { index, ids: Int32Array.from(real), typeIds: new Uint8Array(real.length), label: 0 };
  });
  const weights = [...tensors].filter(([name]) => name.includes('.') && !name.startsWith('logits.'));
  return {
    model: {
      ...{ source: file, family, config, tokenizerFiles: new Map() },
      tensors: new Map(weights.map(([name, tensor]) => [name, toF32(tensor)])),
    },
    examples,
    padId: config.pad_token_id!,
    logits: [...tensors].flatMap(([name, tensor]) =>
      name.startsWith('logits.') ? [[name.slice(7).split('-').map(Number), tensor] as const] : [],
    ),
    contributions: Array.from(tensors.get('contributions')!.data, Number),
  };
}
