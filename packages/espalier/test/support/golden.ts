// A training step that PyTorch took: model, batch, what it gave.
import { fileURLToPath } from 'node:url';
import type { Example, Task } from '../../src/data/example.js';
import { parseConfig } from '../../src/models/config.js';
import type { Model } from '../../src/models/model.js';
import { toF32 } from '../../src/tensor/half.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import type { HostTensor } from '../../src/tensor/tensor.js';
import type { Gradients } from './training.js';

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

export interface Golden {
  readonly model: Model;
  readonly task: Task;
  readonly examples: readonly Example[];
  /** What a row of an input [rows, length] holds where it is not padding. */
  readonly unpadded: (name: string, row: number) => number[];
  readonly settings: object;
  readonly tensor: (name: string) => HostTensor;
  readonly gradients: Gradients;
}

/** The golden step of a file, as `scripts/bert_goldens.py` and `scripts/families_goldens.py` write them. */
export async function golden(file: string, task: Task): Promise<Golden> {
  const { tensors, metadata } = await readSafetensors(fixture(file));
  const { config, optimiser = {} } = JSON.parse(metadata['golden']!);
  const parsed = parseConfig(config, file);
  const tensor = (name: string): HostTensor => tensors.get(name)!;
  const weights = new Map(
    [...tensors]
      .filter(([name]) => tensors.has(`grad.${name}`))
      .map(([name, value]) => [name, toF32(value)] as const),
  );
  const [rows, length] = tensor('input_ids').shape as [number, number];
  const real = Array.from(tensor('attention_mask').data, Number);
  /** What a row of an input holds where it is not padding. */
  const unpadded = (name: string, row: number): number[] => {
    const at = row * length;
    const values = Array.from(
      tensors.get(name)?.data.slice(at, at + length) ?? new Uint8Array(length),
      Number,
    );
    return values.filter((_, token) => real[at + token] === 1);
  };
  const examples = Array.from({ length: rows }, (_, row): Example => ({
    index: row,
    ids: Int32Array.from(unpadded('input_ids', row)),
    typeIds: Uint8Array.from(unpadded('token_type_ids', row)),
    label: Number(tensor('labels').data[row]),
  }));
  return {
    model: {
      source: file,
      family: parsed.model_type,
      config: parsed,
      tensors: weights,
      tokenizerFiles: new Map(),
    },
    task,
    examples,
    unpadded,
    settings: {
      batchSize: rows,
      maxLength: length,
      lr: optimiser.lr,
      betas: optimiser.betas,
      epsilon: optimiser.eps,
      decay: optimiser.weight_decay,
      clip: optimiser.clip,
      warmup: 0,
      schedule: 'constant',
    },
    tensor,
    gradients: new Map([...weights.keys()].map((name) => [name, toF32(tensor(`grad.${name}`)).data])),
  };
}
