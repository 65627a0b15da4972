// Training on made-up data: a random BERT of a few hundred numbers, examples of ragged lengths, a trainer over
// them, and a look at the gradients of a step.
import { createHash } from 'node:crypto';
import type { Example, Task } from '../../src/data/example.js';
import type { MethodHooks, PrepareContext } from '../../src/methods/method.js';
import { parseConfig } from '../../src/models/config.js';
import { familyOf, padSideOf } from '../../src/models/families.js';
import type { Model } from '../../src/models/model.js';
import { random } from '../../src/random.js';
import { type HostTensor, sizeOf } from '../../src/tensor/tensor.js';
import { settingsSchema, type TrainingSettings } from '../../src/train/settings.js';
import { taskObjective } from '../../src/train/task-objective.js';
import { createTrainer, type Trainer, type TrainerOptions } from '../../src/train/trainer.js';

export const twoClasses: Task = {
  name: 'made-up',
  kind: 'classification',
  labels: ['no', 'yes'],
  metrics: ['accuracy'],
};

/** A classifier, BERT unless the config says so, with normal weights, without dropout unless the config says so. */
export function randomModel(config: object = {}, seed = 1): Model {
  const parsed = parseConfig(
    {
      model_type: 'bert',
      vocab_size: 20,
      hidden_size: 8,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      intermediate_size: 12,
      max_position_embeddings: 32,
      hidden_dropout_prob: 0,
      attention_probs_dropout_prob: 0,
      ...config,
    },
    'config.json',
  );
  const tensors = new Map<string, HostTensor<'F32'>>();
  const parts = familyOf(parsed).tensors(parsed);
  for (const part of ['embeddings', 'encoder', 'pooler', 'classifier'] as const) {
    for (const [name, shape] of parts.get(part) ?? []) {
      const generator = random(seed, name);
      const centre = /(LayerNorm|layer_norm)\.weight$/.test(name) ? 1 : 0;
      const data = Float32Array.from({ length: sizeOf(shape) }, () => centre + 0.3 * generator.normal());
      tensors.set(name, { dtype: 'F32', shape, data });
    }
  }
  return { source: 'made up', family: parsed.model_type, config: parsed, tensors, tokenizerFiles: new Map() };
}

/** Examples of 3 to `longest` tokens; the label is whether the second id is even. */
export function madeUpExamples(count: number, { longest = 9, seed = 1 } = {}): Example[] {
  const generator = random(seed, 'examples');
  return Array.from({ length: count }, (_, index) => {
    const length = 3 + generator.integer(longest - 2);
    const ids = Int32Array.from({ length }, () => 1 + generator.integer(19));
    const typeIds = Uint8Array.from({ length }, (_value, token) => (token > length / 2 ? 1 : 0));
    return { index, ids, typeIds, label: (ids[1]! + 1) % 2 };
  });
}

export const settingsOf = (settings: object = {}): TrainingSettings =>
  settingsSchema.parse({ batchSize: 4, lr: 1e-2, maxLength: 16, ...settings });

export interface MadeUpRun extends Partial<Omit<TrainerOptions, 'settings'>> {
  readonly task?: Task;
  readonly examples?: readonly Example[];
  readonly settings?: object;
}

export function trainerOf({ task = twoClasses, examples, settings, ...options }: MadeUpRun = {}): Trainer {
  const resolved = settingsOf(settings);
  const model = options.model ?? randomModel();
  return createTrainer({
    model,
    objective: taskObjective({
      task,
      examples: examples ?? madeUpExamples(12),
      settings: resolved,
      seed: 1,
      padId: 0,
      padSide: padSideOf(model.config),
    }),
    methods: [],
    settings: resolved,
    steps: 10,
    seed: 1,
    threads: 1, // two would wait for each other longer than a step of this size takes
    device: 'cpu',
    ...options,
  });
}

/** For surgery that looks at no examples. */
export const quietContext: PrepareContext = {
  ...{ sample: () => ({ examples: [], padId: 0 }), threads: 1, device: 'cpu' },
  ...{ note: () => undefined, report: () => undefined },
};

export type Gradients = ReadonlyMap<string, Float32Array>;

/** A method that only looks: the gradient of every tensor as the update of the latest step finds it. */
export function recorder(): { readonly method: MethodHooks; readonly gradients: Map<string, Float32Array> } {
  const gradients = new Map<string, Float32Array>();
  let begun = false;
  return {
    gradients,
    method: {
      begin: () => {
        begun = true;
      },
      update(step, { name }, plan) {
        if (begun) gradients.set(name, step.store.view(name, 'grad').slice());
        return plan;
      },
    },
  };
}

/** Loss and gradients of the first step of a run. */
export async function firstStep(
  run: MadeUpRun,
): Promise<{ loss: number; norm: number; gradients: Gradients }> {
  const { method, gradients } = recorder();
  const trainer = trainerOf({ ...run, methods: [...(run.methods ?? []), method] });
  const { loss, gradNorm } = await trainer.step();
  await trainer.release();
  return { loss, norm: gradNorm, gradients };
}

/** L2 norm of the difference of two sets of arrays over the norm of the second. */
export function relativeError(found: Gradients, expected: Gradients): number {
  let difference = 0;
  let size = 0;
  for (const [name, values] of expected) {
    const other = found.get(name);
    if (other?.length !== values.length) return Infinity;
    for (let i = 0; i < values.length; i++) {
      difference += (values[i]! - other[i]!) ** 2;
      size += values[i]! ** 2;
    }
  }
  return Math.sqrt(difference / size);
}

/** A digest of the bits of an array: equal only when every bit is. */
export const bitsOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): string =>
  createHash('sha256')
    .update(new Uint8Array(buffer, byteOffset, byteLength))
    .digest('hex');

export const modelBits = ({ tensors }: Model): Record<string, string> =>
  Object.fromEntries([...tensors].map(([name, { data }]) => [name, bitsOf(data)]));
