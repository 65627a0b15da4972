// Fine-tuning on a labelled task.
import type { Example, Padding, Task } from '../data/example.js';
import { limitExamples } from '../data/splits.js';
import { evaluateModel } from '../train/evaluation.js';
import { createPredictor } from '../train/predictor.js';
import type { Objective } from '../train/objective.js';
import { taskObjective } from '../train/task-objective.js';
import { teacherLogits } from '../train/teacher.js';
import type { Workload } from './workload.js';

export interface LabelledData extends Padding {
  readonly task: Task;
  readonly train: readonly Example[];
  /** Split that is reported, and evaluated during training. */
  readonly dev: readonly Example[];
  /** Split cut from train that `select: best` chooses on; empty with `last`. */
  readonly held: readonly Example[];
}

export function taskWorkload({ task, train, dev, held, padId, padSide }: LabelledData): Workload {
  return {
    stage: 'finetune',
    mainScore: task.metrics[0]!,
    selects: held.length > 0,
    stepsPerEpoch: ({ batchSize }) => Math.ceil(train.length / batchSize),
    objective: (settings, seed) => taskObjective({ task, examples: train, settings, seed, padId, padSide }),
    async teacher(model, compute, objective, steps) {
      const predictor = createPredictor({ model, ...compute, padId });
      const source = await teacherLogits(predictor, examplesOf(objective, steps), task.labels.length);
      await predictor.release();
      return source;
    },
    sample: (count, seed) => ({ examples: limitExamples(dev, count, seed), padId }),
    scorer(model, compute, source) {
      const predictor = createPredictor({ model, ...compute, padId, ...(source && { source }) });
      return {
        score: (split) => evaluateModel(predictor, task, split === 'dev' ? dev : held),
        release: () => predictor.release(),
      };
    },
  };
}

/** What the batches of the first `steps` steps hold, each example once and in order. */
function examplesOf(objective: Objective, steps: number): Example[] {
  const seen = new Map<number, Example>();
  for (let step = 0; step < steps; step++) {
    for (const { examples } of objective.batches(step)) {
      for (const example of examples) seen.set(example.index, example);
    }
  }
  return [...seen.values()].sort((a, b) => a.index - b.index);
}
