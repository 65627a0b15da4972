// The frame of a run: rates over time, the share of each stage, when scores are taken and which weights are kept,
// and what a run says when it diverges.
import { describe, expect, it } from 'vitest';
import { EspalierError, UsageError } from '../../src/errors.js';
import { zeroFraction } from '../../src/engine/pattern.js';
import type { Model } from '../../src/models/model.js';
import { builtinRecipe, DENSE } from '../../src/recipe/builtin.js';
import { parseRecipe, type Recipe, setOption } from '../../src/recipe/recipe.js';
import { type RunEvent, runRecipe, stageSteps, type StageRunOptions } from '../../src/recipe/run.js';
import { taskWorkload } from '../../src/recipe/task-workload.js';
import type { Workload } from '../../src/recipe/workload.js';
import { evaluateModel, type Scores } from '../../src/train/evaluation.js';
import { createPredictor } from '../../src/train/predictor.js';
import { rateFactor } from '../../src/train/schedules.js';
import {
  madeUpExamples,
  modelBits,
  randomModel,
  settingsOf,
  trainerOf,
  twoClasses,
} from '../support/training.js';

const train = madeUpExamples(16);
const held = madeUpExamples(24, { seed: 2 });
const dev = madeUpExamples(24, { seed: 3 });
const model = randomModel({ num_hidden_layers: 1 });

const workload = (heldOut: typeof held = []): Workload =>
  taskWorkload({ task: twoClasses, train, dev, held: heldOut, padId: 0 });

async function run(
  recipe: Recipe,
  options: Partial<StageRunOptions> = {},
): Promise<{ model: Model; events: RunEvent[] }> {
  const events: RunEvent[] = [];
  const result = await runRecipe(model, recipe, {
    workload: workload(),
    settings: settingsOf({ warmup: 0 }),
    totalSteps: 12,
    seed: 1,
    threads: 1,
    device: 'cpu',
    checkpointEvery: 100,
    fingerprint: '',
    control: { onEvent: (event) => events.push(event), stopRequested: () => false },
    ...options,
  });
  return { model: result.model, events };
}

async function scoresOf(scored: Model, examples: typeof train): Promise<Scores> {
  const predictor = createPredictor({ model: scored, threads: 1, device: 'cpu', padId: 0 });
  const scores = await evaluateModel(predictor, twoClasses, examples);
  await predictor.release();
  return scores;
}

const evaluations = (events: readonly RunEvent[]): { step: number; scores: Scores }[] =>
  events.flatMap((event) => (event.type === 'evaluation' ? [event] : []));

const sparsityOf = ({ tensors }: Model): number =>
  zeroFraction(
    [...tensors]
      .filter(([name]) => /layer.*(query|key|value|dense)\.weight/.test(name))
      .map(([, { data }]) => data),
  );

describe('rateFactor', () => {
  const factors = (schedule: 'linear' | 'cosine' | 'constant', warmup: number): number[] =>
    Array.from({ length: 11 }, (_, step) => rateFactor(step, { steps: 10, warmup, schedule }));

  it('rises from 0, then falls to 0 in a line, as in transformers', () => {
    expect(factors('linear', 0.2)).toEqual(
      [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0].map((x): unknown => expect.closeTo(x, 12)),
    );
    expect(factors('linear', 0)[0]).toBe(1);
  });

  it('falls as half a cosine, or stays', () => {
    const cosine = factors('cosine', 0.2);
    expect(cosine.slice(0, 3)).toEqual([0, 0.5, 1]);
    expect(cosine[6]).toBeCloseTo(0.5, 12);
    expect(cosine[4]).toBeCloseTo(0.5 * (1 + Math.cos(Math.PI / 4)), 12);
    expect(cosine[10]).toBeCloseTo(0, 12);
    expect(factors('constant', 0.1).slice(1)).toEqual(new Array(10).fill(1));
  });

  it('is the rate of every step of a trainer', async () => {
    const trainer = trainerOf({ steps: 4, settings: { lr: 0.02, warmup: 0.5 } });
    const rates: number[] = [];
    while (trainer.done < 4) rates.push((await trainer.step()).rate);
    await trainer.release();
    expect(rates).toEqual([0, 0.01, 0.02, 0.01]);
  });
});

describe('stageSteps', () => {
  const steps = (stages: readonly object[], total: number): number[] =>
    stageSteps(
      parseRecipe({ name: 'r', stages: stages.map((stage) => ({ stage: 'finetune', ...stage })) }, 'test'),
      total,
      7,
    );

  it('gives a stage its share of the whole, or its own epochs, and at least a step', () => {
    expect(steps([{ share: 0.6 }, { share: 0.4 }], 100)).toEqual([60, 40]);
    expect(steps([{ share: 3 }, {}], 100)).toEqual([75, 25]);
    expect(steps([{}, { epochs: 2 }], 10)).toEqual([5, 14]);
    expect(steps([{ epochs: 0.5 }], 10)).toEqual([4]);
    expect(steps([{ share: 0.01 }, {}], 10)).toEqual([1, 10]);
  });

  it('is what the stages of a run take, each with its own rate', async () => {
    const stages = [
      { stage: 'finetune', share: 2 },
      { stage: 'finetune', lr: 0.5, methods: [{ name: 'lock' }] },
    ];
    const { events } = await run(parseRecipe({ name: 'two', stages }, 'test'), { totalSteps: 6 });
    expect(events.flatMap((event) => (event.type === 'stage' ? [event.steps] : []))).toEqual([4, 2]);
    const rates = events.flatMap((event) => (event.type === 'step' ? [event.result.rate] : []));
    expect(rates).toEqual(
      [0.01, 0.0075, 0.005, 0.0025, 0.5, 0.25].map((x): unknown => expect.closeTo(x, 12)),
    );
  });
});

describe('scores during training', () => {
  it('are taken of the dev split every so many steps, and only when asked for', async () => {
    expect(evaluations((await run(DENSE)).events)).toEqual([]);
    const { model: last, events } = await run(DENSE, { evalEvery: 4 });
    expect(evaluations(events).map(({ step }) => step)).toEqual([4, 8, 12]);
    expect(evaluations(events).at(-1)!.scores).toEqual(await scoresOf(last, dev));
  });

  it('change nothing', async () => {
    const [with_, without] = [await run(DENSE, { evalEvery: 1 }), await run(DENSE)];
    expect(modelBits(with_.model)).toEqual(modelBits(without.model));
  });
});

describe('the best weights', () => {
  it('are those of the highest score on the held-out split, the earliest of them', async () => {
    const { model: best, events } = await run(DENSE, {
      workload: workload(held),
      evalEvery: 1,
      settings: settingsOf({ lr: 0.05 }),
    });
    const taken = evaluations(events);
    expect(taken).toHaveLength(12);
    const scores = taken.map(({ scores: { accuracy } }) => accuracy!);
    const first = taken[scores.indexOf(Math.max(...scores))]!;
    expect(first.step).toBeLessThan(12);
    expect(await scoresOf(best, held)).toEqual(first.scores);
  });

  it('are looked for ten times in a stage, and at its end', async () => {
    const { events } = await run(DENSE, { workload: workload(held), totalSteps: 23 });
    expect(evaluations(events).map(({ step }) => step)).toEqual([2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 23]);
  });

  it.each(['magnitude', 'nip', 'rpp'])('of %s have the sparsity that was asked for', async (name) => {
    const recipe = setOption(builtinRecipe(name), 'sparsity', 0.7);
    const { model: best } = await run(recipe, { workload: workload(held), evalEvery: 1 });
    expect(Math.abs(sparsityOf(best) - 0.7)).toBeLessThan(0.01);
  });
});

describe('a run that diverges', () => {
  it('ends with the step, the rate and what to do', async () => {
    const settings = settingsOf({ lr: 1e30, clip: 0, schedule: 'constant', warmup: 0 });
    const failure = await run(DENSE, { settings }).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(EspalierError);
    expect((failure as Error).message).toMatch(
      /^training diverged at step \d+: loss .* learning rate 1\.00e\+30; try /,
    );
  });
});

describe('a recipe that distils', () => {
  it('asks for a teacher', async () => {
    await expect(run(builtinRecipe('distil'))).rejects.toThrow(UsageError);
  });
});
