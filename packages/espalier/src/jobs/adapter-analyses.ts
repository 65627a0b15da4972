// The shuffle and re-initialisation tests of Gao, Colombo and Wang (2021, Adapting by Pruning): the score of an adapter,
// and of the same with its mask shuffled within every tensor, its base's masked weights disturbed by 1 %, or drawn anew.
// The paper does not say whether the head is trained again; `steps` says for how long it goes on, none by default.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { applyAdapter, bodyHash, bodyNames, isAdapter, loadBase, readAdapter } from '../models/adapter.js';
import type { Model } from '../models/model.js';
import { multiplied, redrawn, shuffledMasks } from '../models/perturbed-adapter.js';
import type { RunControl } from '../recipe/run.js';
import { taskWorkload } from '../recipe/task-workload.js';
import type { TaskScores } from '../train/evaluation.js';
import { evaluateModel } from '../train/evaluation.js';
import { createPredictor } from '../train/predictor.js';
import { createTrainer } from '../train/trainer.js';
import {
  baseOption,
  checkDevice,
  computeSchema,
  dataSchema,
  evaluationLength,
  type LoadedRun,
  parseOptions,
  parseSettings,
  tokenizeRun,
  withData,
} from './task-run.js';

export const analysesSchema = z.strictObject({
  ...dataSchema.shape,
  ...computeSchema.shape,
  model: z.string().describe('folder of an adapter'),
  base: baseOption,
  steps: z.int().min(0).default(0).describe('steps for which the head goes on over the disturbed weights'),
  settings: z
    .record(z.string(), z.unknown())
    .default({ lr: 1e-3 })
    .describe('training settings of these steps'),
});

export type Analyses = Readonly<Record<'adapter' | 'shuffled' | 'multiplied' | 'redrawn', TaskScores>>;

type Options = z.output<typeof analysesSchema>;

export async function analyseAdapter(
  input: z.input<typeof analysesSchema>,
  control: RunControl,
): Promise<Analyses> {
  const options = parseOptions(analysesSchema, input, 'analyses');
  const { model: folder, seed } = options;
  if (!isAdapter(folder)) throw new UsageError(`${folder} is no adapter; name the folder of one`);
  await checkDevice(options.device, control);
  const adapter = await readAdapter(folder);
  const base = await loadBase(adapter, folder, options.base);
  const whole = applyAdapter(base, adapter, folder);
  const { data } = await withData(whole, options);
  const maxLength = evaluationLength(whole, data.task, undefined);
  const train = options.steps > 0 ? data.train : [];
  const loaded = tokenizeRun(whole, { ...data, train }, { seed, maxLength }, control);

  const names = [...adapter.masks.keys()];
  const over = (other: Model): Model =>
    applyAdapter(other, { ...adapter, baseHash: bodyHash(other) }, folder);
  const shuffled = { ...adapter, masks: shuffledMasks(base, adapter.masks, seed) };
  const models: Record<keyof Analyses, () => Model> = {
    adapter: () => whole,
    shuffled: () => applyAdapter(base, shuffled, folder),
    multiplied: () => over(multiplied(base, names, seed)),
    redrawn: () => over(redrawn(base, names, seed)),
  };
  const scores: Partial<Record<keyof Analyses, TaskScores>> = {};
  for (const [name, make] of Object.entries(models) as [keyof Analyses, () => Model][])
    scores[name] = await scoreOf(make(), name === 'adapter' ? 0 : options.steps, options, loaded);
  return scores as Analyses;
}

async function scoreOf(
  model: Model,
  steps: number,
  options: Options,
  loaded: LoadedRun,
): Promise<TaskScores> {
  const { threads, device } = options;
  const trained = steps === 0 ? model : await withTrainedHead(model, options, loaded);
  const predictor = createPredictor({ model: trained, threads, device, padId: loaded.padId });
  const scores = await evaluateModel(predictor, loaded.task, loaded.dev);
  await predictor.release();
  return scores;
}

/** The model after the steps of the options, in which its head alone is trained. */
async function withTrainedHead(
  model: Model,
  { settings: chosen, steps, seed, threads, device }: Options,
  loaded: LoadedRun,
): Promise<Model> {
  const settings = parseSettings(chosen);
  const trainer = createTrainer({
    ...{ model, settings, steps, seed, threads, device },
    objective: taskWorkload(loaded).objective(settings, seed),
    methods: [{ declare: (stage) => stage.freeze(bodyNames(model.config)) }],
  });
  while (trainer.done < steps) await trainer.step();
  await trainer.release();
  return trainer.snapshot();
}
