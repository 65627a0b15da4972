// Turning a checkpoint into a model for a task: Hugging Face's sequence-classification or question-answering layout with
// a new head where there is none that fits.
import type { Task } from '../data/example.js';
import { random } from '../random.js';
import { f32 } from '../tensor/tensor.js';
import { familyOf } from './families.js';
import { SPAN_HEAD } from './heads.js';
import { randomParts } from './initialise.js';
import { layerMixOutputs } from './layer-mix.js';
import type { Model } from './model.js';

/** True when the model gives start and end logits for every token instead of one row of logits. */
export const answersSpans = ({ tensors }: Model): boolean => tensors.has(`${SPAN_HEAD}.weight`);

/** True when the model has the head of some task. */
export const hasTaskHead = (model: Model): boolean => answersSpans(model) || headOutputs(model) !== undefined;

/** Outputs of the model's head over the first token, or undefined when it has none. */
export const headOutputs = ({ tensors, config }: Model): number | undefined =>
  layerMixOutputs({ tensors }) ?? tensors.get(`${familyOf(config).head.output}.weight`)?.shape[0];

/**
 * True when the model has a head for the task: one output per label and, where its config names them, the labels of
 * the task in any order (LABEL_0, LABEL_1, ... are no names).
 */
export function hasHead(model: Model, task: Task): boolean {
  if (task.kind === 'span') return answersSpans(model);
  if (headOutputs(model) !== task.labels.length) return false;
  const names = Object.values(model.config.id2label ?? {}).filter((name) => !/^LABEL_\d+$/.test(name));
  const known = new Set(task.labels.map((label) => label.toLowerCase()));
  return task.kind === 'regression' || names.every((name) => known.has(name.toLowerCase()));
}

/** What `hasHead` missed, for an error: names of labels where only these differ. */
export function headMismatch(model: Model, task: Task): string {
  const outputs = headOutputs(model);
  if (task.kind === 'span') return `expected start and end logits, found ${outputs ?? 'none'}`;
  if (outputs !== task.labels.length)
    return `expected ${task.labels.length} outputs, found ${outputs ?? 'none'}`;
  const names = Object.values(model.config.id2label ?? {});
  return `expected the labels ${task.labels.join(', ')}, found ${names.join(', ')}`;
}

/**
 * The model with a head for the task: its own outputs when they fit, otherwise new ones (normal with the config's
 * `initializer_range`, zero bias; `seed` decides). The head's first layer, BERT's pooler, stays where there is one.
 * Tensors of other heads are left out.
 */
export function withHead(model: Model, task: Task, seed: number): Model {
  if (task.kind === 'span') return withSpanHead(model, task, seed);
  const { head, tensors: table } = familyOf(model.config);
  const { hidden_size: hidden, initializer_range: deviation } = model.config;
  const parts = table(model.config);
  const kept = new Set([...parts.get('embeddings')!, ...parts.get('encoder')!].map(([name]) => name));
  for (const layer of hasHead(model, task) ? [head.dense, head.output] : [head.dense])
    for (const part of ['weight', 'bias']) kept.add(`${layer}.${part}`);
  const tensors = new Map([...model.tensors].filter(([name]) => kept.has(name)));
  const fresh = (name: string, outputs: number): void => {
    if (tensors.has(`${name}.weight`)) return;
    const generator = random(seed, 'init', name);
    const data = Float32Array.from({ length: outputs * hidden }, () => generator.normal() * deviation);
    tensors.set(`${name}.weight`, f32([outputs, hidden], data));
    tensors.set(`${name}.bias`, f32([outputs]));
  };
  fresh(head.dense, hidden);
  fresh(head.output, task.labels.length);
  return { ...model, config: taskConfig(model, task), tensors };
}

/** The model with a head of answer spans. */
function withSpanHead(model: Model, task: Task, seed: number): Model {
  const config = taskConfig(model, task);
  const tensors = randomParts(config, ['embeddings', 'encoder', 'answer span'], seed, model.tensors);
  return { ...model, config, tensors };
}

/** The config of a model for the task: what kind it is and what its labels are called. */
export function taskConfig(
  { config }: Pick<Model, 'config'>,
  task: Pick<Task, 'kind' | 'labels'>,
): Model['config'] {
  // Settings of a classifier would give the head of answer spans another width.
  if (task.kind === 'span')
    return {
      ...config,
      ...{ id2label: undefined, label2id: undefined, num_labels: undefined, problem_type: undefined },
    };
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
          classifier_dropout: rate,
          ...(model.config.qa_dropout !== undefined && { qa_dropout: rate }),
        },
      };
