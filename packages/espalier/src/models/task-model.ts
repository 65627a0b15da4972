// Turning a checkpoint into a model for a task: Hugging Face's sequence-classification layout with a new head where
// there is none that fits.
import type { Task } from '../data/example.js';
import { random } from '../random.js';
import type { HostTensor } from '../tensor/tensor.js';
import { f32 } from '../tensor/tensor.js';
import { familyOf } from './families.js';
import type { Model } from './model.js';

const HEAD = 'classifier';

/**
 * True when the model has a head for the task: one output per label and, where its config names them, the labels of
 * the task in any order (LABEL_0, LABEL_1, ... are no names).
 */
export function hasHead({ tensors, config }: Model, task: Task): boolean {
  if (tensors.get(`${HEAD}.weight`)?.shape[0] !== task.labels.length) return false;
  const names = Object.values(config.id2label ?? {}).filter((name) => !/^LABEL_\d+$/.test(name));
  const known = new Set(task.labels.map((label) => label.toLowerCase()));
  return task.kind === 'regression' || names.every((name) => known.has(name.toLowerCase()));
}

/**
 * The model with a head for the task: its own when it fits, otherwise a new one (normal with the config's
 * `initializer_range`, zero bias; `seed` decides). Tensors of other heads are left out. A missing pooler is new too.
 */
export function withHead(model: Model, task: Task, seed: number): Model {
  const family = familyOf(model.config);
  const { hidden_size: hidden, initializer_range: deviation } = model.config;
  const tensors = new Map<string, HostTensor<'F32'>>();
  for (const [name, tensor] of model.tensors) if (name.startsWith(family.prefix)) tensors.set(name, tensor);
  const fresh = (name: string, outputs: number): void => {
    const generator = random(seed, 'init', name);
    const data = Float32Array.from({ length: outputs * hidden }, () => generator.normal() * deviation);
    tensors.set(`${name}.weight`, f32([outputs, hidden], data));
    tensors.set(`${name}.bias`, f32([outputs]));
  };
  const pooler = `${family.prefix}pooler.dense`;
  if (!tensors.has(`${pooler}.weight`)) fresh(pooler, hidden);
  if (hasHead(model, task)) {
    for (const part of ['weight', 'bias'])
      tensors.set(`${HEAD}.${part}`, model.tensors.get(`${HEAD}.${part}`)!);
  } else {
    fresh(HEAD, task.labels.length);
  }
  return { ...model, config: taskConfig(model, task), tensors };
}

function taskConfig({ config }: Model, task: Task): Model['config'] {
  return {
    ...config,
    problem_type: task.kind === 'regression' ? 'regression' : 'single_label_classification',
    id2label: Object.fromEntries(task.labels.map((label, index) => [String(index), label])),
    label2id: Object.fromEntries(task.labels.map((label, index) => [label, index])),
  };
}

/** The model with every dropout rate of its config replaced. */
export const withDropout = (model: Model, rate: number | undefined): Model =>
  rate === undefined
    ? model
    : {
        ...model,
        config: {
          ...model.config,
          hidden_dropout_prob: rate,
          attention_probs_dropout_prob: rate,
          classifier_dropout: null,
        },
      };
