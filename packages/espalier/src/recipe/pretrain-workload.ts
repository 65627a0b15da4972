// Pre-training on text.
import type { Corpus } from '../data/corpus/index.js';
import { createBuilder } from '../models/builder.js';
import type { Model } from '../models/model.js';
import { input } from '../graph/program.js';
import { createForward, type ForwardSource } from '../train/forward.js';
import type { Objective, TrainingBatch } from '../train/objective.js';
import { modelFeed, quantisedWeights } from '../train/predictor.js';
import { evaluatePretraining } from '../train/pretrain-evaluation.js';
import { drawEpoch, type PretrainData, pretrainObjective } from '../train/pretrain-objective.js';
import { pretrainTeacher } from '../train/pretrain-teacher.js';
import type { TrainingSettings } from '../train/settings.js';
import type { Workload } from './workload.js';

export interface PretrainWorkloadOptions {
  readonly data: PretrainData;
  /** Text apart from training. */
  readonly held: Corpus;
  /** Sequences of it that are scored, at most. */
  readonly heldSequences: number;
  readonly settings: TrainingSettings;
}

/** Held-out sequences are drawn with a seed of their own: every run is scored on the same ones. */
const HELD_SEED = 0;

export function pretrainWorkload(options: PretrainWorkloadOptions): Workload {
  const { data, settings } = options;
  const heldData = { ...data, corpus: options.held, seed: HELD_SEED };
  return {
    stage: 'pretrain',
    mainScore: 'mlmAccuracy',
    selects: false,
    stepsPerEpoch: (chosen) => pretrainObjective({ data, settings: chosen }).stepsPerEpoch,
    objective: (chosen) => pretrainObjective({ data, settings: chosen }),
    teacher: (model, compute) => Promise.resolve(pretrainTeacher(model, compute, data.nextSentence)),
    // Held-out text, masked as in training; drawn with the seed that it is scored with.
    sample(count) {
      const epoch = drawEpoch(heldData, settings.maxLength, 0);
      const examples = Array.from({ length: Math.min(count, epoch.count) }, (_, i) => epoch.example(i));
      return { examples, padId: options.held.padId };
    },
    scorer(model, compute, source) {
      const objective = pretrainObjective({ data: heldData, settings: heldSettings(settings) });
      const forward = createForward(source ?? objectiveSource(objective, model), compute);
      const count = Math.min(options.heldSequences, drawEpoch(heldData, settings.maxLength, 0).count);
      return {
        score: async () => ({
          ...(await evaluatePretraining(forward, heldBatches(objective, count, settings), compute.checkStop)),
        }),
        release: () => forward.release(),
      };
    },
  };
}

/** Held-out text goes through in batches of the size of one pass. */
const heldSettings = (settings: TrainingSettings): TrainingSettings => ({
  ...settings,
  batchSize: Math.min(settings.microBatchSize ?? settings.batchSize, settings.batchSize),
});

function* heldBatches(
  objective: Objective,
  count: number,
  settings: TrainingSettings,
): Generator<TrainingBatch> {
  const { batchSize } = heldSettings(settings);
  for (let step = 0; step < Math.max(1, Math.floor(count / batchSize)); step++)
    yield* objective.batches(step);
}

/** The forward pass of a model as it stands, with the results of the objective. */
const objectiveSource = (objective: Objective, model: Model): ForwardSource => ({
  outputs: (bucket) => {
    const b = createBuilder(bucket, quantisedWeights(model));
    const { outputs } = objective.build(b, model, input('row_scale', [bucket.rows, 1]));
    return [...outputs].map(([name, node]) => ({ name, node }));
  },
  feed: modelFeed(model),
});
