// What a run trains on: a labelled task, or text for pre-training. One face for both, so that recipes, stages,
// checkpoints and selection know neither.
import type { Device } from '../engine/devices.js';
import type { StopCheck } from '../errors.js';
import type { Sample } from '../methods/method.js';
import type { Model } from '../models/model.js';
import type { ScoreName, Scores } from '../train/evaluation.js';
import type { Objective } from '../train/objective.js';
import type { ForwardSource } from '../train/forward.js';
import type { TrainingSettings } from '../train/settings.js';
import type { TeacherSource } from '../train/teacher.js';

export interface Compute {
  readonly threads: number;
  readonly device: Device;
  /** For work that is done again when the run is resumed: what scores its end, a teacher's logits. */
  readonly checkStop?: StopCheck | undefined;
}

export interface Workload {
  /** Which stages of a recipe it can run, beside those that say "train". */
  readonly stage: 'finetune' | 'pretrain';
  /** The score that `select: best` looks at; more is better. */
  readonly mainScore: ScoreName;
  /** True when a split was held out from training for `select: best`. */
  readonly selects: boolean;
  stepsPerEpoch(settings: TrainingSettings): number;
  objective(settings: TrainingSettings, seed: number): Objective;
  /** A frozen model to learn from, for `steps` steps of the objective. */
  teacher(model: Model, compute: Compute, objective: Objective, steps: number): Promise<TeacherSource>;
  /** At most `count` examples apart from training, drawn by `seed`. */
  sample(count: number, seed: number): Sample;
  /** Scores of a model as `source` computes it (default: as it stands). */
  scorer(model: Model, compute: Compute, source?: ForwardSource): Scorer;
}

export interface Scorer {
  /** On the split that is reported, or on the one held out for selection. */
  score(split: 'dev' | 'held'): Promise<Scores>;
  release(): Promise<void>;
}
