// Runs the stages of a recipe: model in, model out, with evaluation, checkpoints and progress between.
import { join } from 'node:path';
import { Interrupted, UsageError } from '../errors.js';
import { zeroFraction } from '../engine/pattern.js';
import { methodNamed } from '../methods/index.js';
import type { MethodHooks, PrepareContext } from '../methods/method.js';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';
import { loadCheckpoint, saveCheckpoint } from '../models/checkpoint.js';
import { formatPercent } from '../report/format.js';
import { loadCheckpointState, saveCheckpointState } from '../train/checkpoints.js';
import type { Scores } from '../train/evaluation.js';
import type { MetricsLog } from '../train/metrics-log.js';
import type { Objective } from '../train/objective.js';
import type { TrainingSettings } from '../train/settings.js';
import type { TeacherSource } from '../train/teacher.js';
import { stageRate } from '../train/updates.js';
import { createTrainer, type StepResult, type Trainer } from '../train/trainer.js';
import { loadFinishedStage, saveFinishedStage, type StageResult } from './finished-stage.js';
import { type Recipe, type RecipeStage, stagesFor } from './recipe.js';
import type { Compute, Workload } from './workload.js';

/** Progress of a run, for a terminal or a log. */
export type RunEvent =
  /** A warning is shown even where progress is not. */
  | { readonly type: 'note'; readonly message: string; readonly warning?: true }
  | { readonly type: 'stage'; readonly name: string; readonly steps: number }
  | { readonly type: 'step'; readonly stage: string; readonly steps: number; readonly result: StepResult }
  | { readonly type: 'evaluation'; readonly stage: string; readonly step: number; readonly scores: Scores };

export interface RunControl {
  readonly onEvent: (event: RunEvent) => void;
  /** Read between steps and between batches of what is scored; true stops the run after a checkpoint. */
  readonly stopRequested: () => boolean;
}

export interface StageRunOptions extends Compute {
  readonly workload: Workload;
  readonly settings: TrainingSettings;
  /** Steps of the whole recipe. */
  readonly totalSteps: number;
  readonly seed: number;
  readonly teacher?: Model | undefined;
  readonly evalEvery?: number | undefined;
  readonly checkpointEvery: number;
  /** Where checkpoints go; none without it. */
  readonly checkpoints?: string | undefined;
  readonly fingerprint: string;
  readonly log?: MetricsLog | undefined;
  readonly control: RunControl;
}

export interface RecipeResult extends StageResult {
  readonly steps: number;
}

/** Steps of each stage: `epochs` of its own, otherwise its share of the whole. */
export function stageSteps(recipe: Recipe, totalSteps: number, stepsPerEpoch: number): number[] {
  const shares = recipe.stages.reduce((sum, { share }) => sum + share, 0);
  return recipe.stages.map(({ epochs, share }) =>
    Math.max(1, Math.round(epochs === undefined ? (totalSteps * share) / shares : epochs * stepsPerEpoch)),
  );
}

/**
 * Throws UsageError where a method of the recipe's stages cannot act on the model that the recipe starts from, or not
 * beside the others of its stage, or not in so few steps.
 */
export function checkMethods(
  whole: Recipe,
  model: Model,
  { workload, settings, totalSteps }: Pick<StageRunOptions, 'workload' | 'settings' | 'totalSteps'>,
): void {
  const recipe = stagesFor(whole, workload.stage);
  const steps = stageSteps(recipe, totalSteps, workload.stepsPerEpoch(settings));
  for (const [index, stage] of recipe.stages.entries()) {
    const methods = createMethods(stage);
    checkPattern(recipe, index, methods);
    for (const method of methods) method.check?.(model);
    stageRate(stageSettings(settings, stage), steps[index]!, methods)(0);
  }
}

/** Throws UsageError where one method of a stage holds the zeros that another makes. */
function checkPattern(recipe: Recipe, index: number, methods: readonly MethodHooks[]): void {
  const named = (kinds: readonly MethodHooks['zeros'][]): string | undefined =>
    recipe.stages[index]!.methods.find((_, at) => kinds.includes(methods[at]!.zeros))?.name;
  const [holder, maker] = [named(['kept']), named(['made', 'cut'])];
  if (holder === undefined || maker === undefined) return;
  throw new UsageError(
    `recipe "${recipe.name}", stages.${index}: found ${maker} and ${holder} in one stage, where ${holder} holds the zeros ` +
      `of the start and ${maker} makes others; put ${holder} into a stage of its own after it`,
  );
}

const createMethods = ({ methods }: RecipeStage): MethodHooks[] =>
  methods.map(({ name, ...options }) => methodNamed(name).create(options));

const stageSettings = (settings: TrainingSettings, { lr }: RecipeStage): TrainingSettings => ({
  ...settings,
  ...(lr !== undefined && { lr }),
});

export async function runRecipe(
  model: Model,
  whole: Recipe,
  options: StageRunOptions,
): Promise<RecipeResult> {
  const { workload } = options;
  const recipe = stagesFor(whole, workload.stage);
  const stepsPerEpoch = workload.stepsPerEpoch(options.settings);
  const steps = stageSteps(recipe, options.totalSteps, stepsPerEpoch);
  const reported: Record<string, number> = {};
  const surgery: Record<string, readonly number[]> = {};
  let current = model;
  let before = 0;
  for (const [index, stage] of recipe.stages.entries()) {
    const name = stageName(recipe, index);
    const directory = options.checkpoints && join(options.checkpoints, `${recipe.name}-${String(index)}`);
    const { fingerprint } = options;
    let result = directory && (await loadFinishedStage(directory, fingerprint, model.source));
    if (!result) {
      result = await runStage(current, stage, { ...options, name, steps: steps[index]!, before, directory });
      if (directory) await saveFinishedStage(directory, fingerprint, result);
    }
    current = result.model;
    Object.assign(reported, result.reported);
    Object.assign(surgery, result.surgery);
    before += steps[index]!;
  }
  return { model: current, reported, surgery, steps: before };
}

const stageName = ({ name, stages }: Recipe, index: number): string => {
  const methods = stages[index]!.methods.map((method) => method.name).join(' + ') || 'dense';
  return stages.length > 1 ? `${name} ${String(index + 1)}/${String(stages.length)}: ${methods}` : methods;
};

interface StageOptions extends StageRunOptions {
  readonly name: string;
  readonly steps: number;
  /** Steps of earlier stages. */
  readonly before: number;
  readonly directory: string | undefined;
}

async function runStage(model: Model, stage: RecipeStage, options: StageOptions): Promise<StageResult> {
  const { workload, seed, threads, device, control, steps, name, directory, fingerprint, log } = options;
  const settings = stageSettings(options.settings, stage);
  const methods = createMethods(stage);
  warnOfZeros(model, methods, control);
  const { prepared, surgery } = await operate(model, methods, options);

  const distils = stage.methods.some((method) => method.name === 'distil');
  const objective = workload.objective(settings, seed);
  const teacher = distils ? await frozenTeacher(options, objective) : undefined;
  const trainer = createTrainer({
    model: prepared,
    objective,
    methods,
    settings,
    steps,
    seed,
    threads,
    device,
    teacher,
    note: (message) => control.onEvent({ type: 'note', message }),
    warn: (message) => control.onEvent({ type: 'note', message, warning: true }),
  });
  const saved = directory && (await loadCheckpointState(directory, fingerprint));
  if (saved) trainer.restore(saved);
  await log?.truncate(options.before + trainer.done);
  control.onEvent({ type: 'stage', name, steps });

  // A state of the stage, so that what was reported before an interruption is not lost.
  const reported = trainer.stage.state<Record<string, number>>('reported', {}).value;
  const scorer = workload.scorer(prepared, { threads, device }, trainer.forward);
  const checkpoint = async (): Promise<void> => {
    if (directory) await saveCheckpointState(directory, trainer.state(), fingerprint);
  };
  const selection = workload.selects ? bestModel(trainer, directory) : undefined;
  const evaluateEvery = options.evalEvery ?? (selection && Math.max(1, Math.round(steps / 10)));

  try {
    while (trainer.done < steps) {
      if (control.stopRequested()) {
        await checkpoint();
        throw new Interrupted(directory !== undefined);
      }
      const result = await trainer.step();
      Object.assign(reported, result.reported);
      control.onEvent({ type: 'step', stage: name, steps, result });
      const { milliseconds, ...values } = result;
      await log?.append({
        ...values,
        stage: name,
        step: options.before + result.step,
        seconds: milliseconds.total / 1000,
      });
      const last = trainer.done === steps;
      if (evaluateEvery !== undefined && (trainer.done % evaluateEvery === 0 || (last && selection))) {
        const scores = await scorer.score(selection ? 'held' : 'dev');
        control.onEvent({ type: 'evaluation', stage: name, step: trainer.done, scores });
        await log?.append({ step: options.before + trainer.done, stage: name, evaluation: scores });
        const due = methods.every((method) => method.onTarget?.(trainer.done, steps) ?? true);
        if (due) await selection?.offer(scores[workload.mainScore]!);
      }
      if (trainer.done % options.checkpointEvery === 0 && !last) await checkpoint();
    }
    Object.assign(reported, await trainer.finishStage());
    let finished = (await selection?.model()) ?? trainer.snapshot();
    for (const method of methods) finished = (await method.finish?.(finished, trainer.stage)) ?? finished;
    return { model: finished, reported, surgery };
  } finally {
    await scorer.release();
    await trainer.release();
    await teacher?.release();
  }
}

/** Above this fraction of zeros a model counts as sparse: by chance there are hardly any. */
const SPARSE = 0.1;

/** Says when a stage lets the zeros of a sparse model go. */
function warnOfZeros({ config, tensors }: Model, methods: readonly MethodHooks[], control: RunControl): void {
  if (methods.some(({ zeros }) => zeros === 'kept' || zeros === 'made')) return;
  const { encoderLinear } = familyOf(config);
  const matrices = [...tensors].filter(([name]) => encoderLinear.test(name));
  const zeros = zeroFraction(matrices.map(([, { data }]) => data));
  if (zeros <= SPARSE) return;
  const message =
    `the model has ${formatPercent(zeros)} zeros in its encoder matrices and nothing in this stage holds them: training ` +
    'fills them; the method "lock" keeps them (espalier compress --recipe lock)';
  control.onEvent({ type: 'note', message, warning: true });
}

/** The model after the methods' surgery, and what they report of it. */
async function operate(
  model: Model,
  methods: readonly MethodHooks[],
  { workload, seed, threads, device, control }: StageOptions,
): Promise<{ prepared: Model; surgery: StageResult['surgery'] }> {
  const surgery: Record<string, readonly number[]> = {};
  const context: PrepareContext = {
    sample: (count) => workload.sample(count, seed),
    threads,
    device,
    note: (message) => control.onEvent({ type: 'note', message }),
    report: (lists) => Object.assign(surgery, lists),
  };
  let prepared = model;
  for (const method of methods) prepared = (await method.prepare?.(prepared, context)) ?? prepared;
  return { prepared, surgery };
}

/** What the recipe distils from. Throws UsageError when no teacher is named. */
async function frozenTeacher(
  { teacher, workload, threads, device, checkStop, steps }: StageOptions,
  objective: Objective,
): Promise<TeacherSource> {
  if (!teacher)
    throw new UsageError('the recipe distils, but there is no teacher: name one with --teacher DIR');
  return workload.teacher(teacher, { threads, device, checkStop }, objective, steps);
}

interface Selection {
  /** Keeps the present weights if `score` is the highest so far; earlier ones win ties. */
  offer(score: number): Promise<void>;
  /** Undefined when nothing was offered. */
  model(): Promise<Model | undefined>;
}

/** The best weights so far. The score is part of the checkpoint; the weights lie in a directory beside it. */
function bestModel(trainer: Trainer, directory: string | undefined): Selection {
  const best = trainer.stage.state<{ score: number | null }>('select.best', { score: null });
  let kept: Model | undefined;
  return {
    async offer(score) {
      if (best.value.score !== null && score <= best.value.score) return;
      best.value = { score };
      kept = trainer.snapshot();
      if (directory) await saveCheckpoint(join(directory, 'best'), kept);
    },
    async model() {
      if (kept || !directory || best.value.score === null) return kept;
      return { ...trainer.snapshot(), tensors: (await loadCheckpoint(join(directory, 'best'))).tensors };
    },
  };
}
