// Interrupted runs: stopped at a request, or killed some steps after their last checkpoint, every recipe ends with
// the same bits as the run that was never interrupted, with what it reported, and with the same scores on the way.
import { describe, expect, it } from 'vitest';
import { FormatError, Interrupted } from '../../src/errors.js';
import { DENSE, builtinRecipe } from '../../src/recipe/builtin.js';
import { parseRecipe, type Recipe, setOption, setOptions } from '../../src/recipe/recipe.js';
import { taskWorkload } from '../../src/recipe/task-workload.js';
import { type RecipeResult, runRecipe, type RunEvent, type StageRunOptions } from '../../src/recipe/run.js';
import type { MetricsLog } from '../../src/train/metrics-log.js';
import { random } from '../../src/random.js';
import { temporaryFolder } from '../support/temporary.js';
import { madeUpExamples, modelBits, randomModel, settingsOf, twoClasses } from '../support/training.js';

const path = temporaryFolder();
const STEPS = 11;
const examples = madeUpExamples(18);

// Dropout is on, a step has two micro-batches, and the last batch of an epoch is short.
const model = randomModel({
  num_hidden_layers: 1,
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
});

interface Interruption {
  /** Steps done when the run is asked to stop; never without it. */
  readonly stopAfter?: number;
  /** Steps done when the process dies. */
  readonly dieAfter?: number;
}

class Death extends Error {}

async function run(
  recipe: Recipe,
  directory: string,
  { stopAfter, dieAfter }: Interruption = {},
  more: Partial<StageRunOptions> = {},
): Promise<RecipeResult & { readonly events: readonly RunEvent[] }> {
  const events: RunEvent[] = [];
  let done = 0;
  const result = await runRecipe(model, recipe, {
    workload: taskWorkload({
      task: twoClasses,
      train: examples,
      dev: examples.slice(0, 6),
      held: [],
      padId: 0,
    }),
    settings: settingsOf({ microBatchSize: 2, maxLength: 9 }),
    totalSteps: STEPS,
    seed: 3,
    threads: 1,
    device: 'cpu',
    teacher: randomModel({ num_hidden_layers: 1 }, 2),
    checkpointEvery: 3,
    checkpoints: path(directory),
    fingerprint: 'these options',
    control: {
      onEvent(event) {
        events.push(event);
        if (event.type === 'step' && ++done === dieAfter) throw new Death();
      },
      stopRequested: () => done === stopAfter,
    },
    ...more,
  });
  return { ...result, events };
}

const RECIPES = [
  DENSE,
  ...[
    'magnitude',
    'nip',
    'rpp',
    'prune-once',
    'lock',
    'distil',
    'quantise',
    'adapt',
    'adapt-magnitude',
    'adapt-iterative',
  ].map((name) => builtinRecipe(name)),
  parseRecipe(
    { name: 'both', stages: [{ stage: 'finetune', methods: [{ name: 'magnitude' }, { name: 'distil' }] }] },
    'test',
  ),
  setOption({ ...builtinRecipe('quantise'), name: 'late' }, 'start', 0.5),
  setOption(builtinRecipe('structured'), 'sparsity', 0.5),
  setOptions({ ...builtinRecipe('structured'), name: 'structured by gradient' }, [
    ['sparsity', 0.5],
    ['score', 'gradient'],
    ['scoreSteps', 2],
  ]),
].map((recipe) => [recipe.name, recipe] as const);

describe.each(RECIPES)('recipe %s', (name, recipe) => {
  // Two threads where it could matter most; on a busy machine they wait for each other.
  const threads = { threads: /dense|rpp/.test(name) ? 2 : 1 };

  it('ends with the same bits whenever it was stopped or killed', async () => {
    const expected = await run(recipe, `${name}-whole`, {}, threads);
    const bits = modelBits(expected.model);
    expect(bits).not.toEqual(modelBits(model));

    // Another step each day would be another test; these are drawn once, from the name.
    const generator = random(5, name);
    const stopAfter = generator.integer(STEPS);
    await expect(run(recipe, `${name}-stop`, { stopAfter }, threads)).rejects.toThrow(Interrupted);
    const resumed = await run(recipe, `${name}-stop`, {}, threads);
    expect(modelBits(resumed.model), `stopped after ${stopAfter}`).toEqual(bits);
    expect(resumed.reported).toEqual(expected.reported);
    expect(resumed.model.quantisation).toEqual(expected.model.quantisation);

    const dieAfter = 1 + generator.integer(STEPS - 1);
    await expect(run(recipe, `${name}-kill`, { dieAfter }, threads)).rejects.toThrow(Death);
    const again = 1 + generator.integer(3);
    await expect(run(recipe, `${name}-kill`, { dieAfter: again }, threads)).rejects.toThrow(Death);
    const revived = await run(recipe, `${name}-kill`, {}, threads);
    expect(modelBits(revived.model), `killed after ${dieAfter} and ${again} more`).toEqual(bits);
    expect(revived.reported).toEqual(expected.reported);
    expect(revived.model.quantisation).toEqual(expected.model.quantisation);
  });
});

describe('a resumed run', () => {
  it('does only the steps since the last checkpoint', async () => {
    await expect(run(DENSE, 'few', { dieAfter: 8 })).rejects.toThrow(Death);
    const { events } = await run(DENSE, 'few');
    expect(events.flatMap((event) => (event.type === 'step' ? [event.result.step] : []))[0]).toBe(7);
  });

  it('takes finished stages as they are', async () => {
    const recipe = builtinRecipe('rpp');
    const whole = await run(recipe, 'stages');
    const { events, ...again } = await run(recipe, 'stages');
    expect(events.filter(({ type }) => type === 'step')).toEqual([]);
    expect(modelBits(again.model)).toEqual(modelBits(whole.model));
    expect(again.reported).toEqual(whole.reported);
    expect(again.steps).toBe(whole.steps);
  });

  it('chooses the same best weights', async () => {
    const best = { held: examples.slice(6, 14), evalEvery: 2 };
    const whole = await run(DENSE, 'best', {}, best);
    await expect(run(DENSE, 'best-kill', { dieAfter: 8 }, best)).rejects.toThrow(Death);
    expect(modelBits((await run(DENSE, 'best-kill', {}, best)).model)).toEqual(modelBits(whole.model));
    await expect(run(DENSE, 'best-stop', { stopAfter: 10 }, best)).rejects.toThrow(Interrupted);
    expect(modelBits((await run(DENSE, 'best-stop', {}, best)).model)).toEqual(modelBits(whole.model));
  });

  it('leaves the same log', async () => {
    const linesOf = async (name: string, interruption?: Interruption): Promise<unknown[]> => {
      let lines: Record<string, unknown>[] = [];
      const log: MetricsLog = {
        append: (line) => Promise.resolve(void lines.push({ ...line, seconds: 0 })),
        truncate: (step) =>
          Promise.resolve(void (lines = lines.filter((line) => Number(line['step']) <= step))),
      };
      const more = { log, evalEvery: 4 };
      const recipe = builtinRecipe('rpp');
      if (interruption) await expect(run(recipe, name, interruption, more)).rejects.toThrow(Death);
      await run(recipe, name, {}, more);
      return lines;
    };
    const expected = await linesOf('log');
    expect(expected.filter((line) => Object.hasOwn(line as object, 'evaluation')).length).toBe(2);
    expect(await linesOf('log-kill', { dieAfter: 5 })).toEqual(expected);
    expect(await linesOf('log-kill-late', { dieAfter: 10 })).toEqual(expected);
  });

  it('refuses the checkpoints and the finished stages of other options', async () => {
    await expect(run(DENSE, 'other', { stopAfter: 5 })).rejects.toThrow(Interrupted);
    await expect(run(DENSE, 'other', {}, { fingerprint: 'others' })).rejects.toThrow(FormatError);
    await run(DENSE, 'other');
    await expect(run(DENSE, 'other', {}, { fingerprint: 'others' })).rejects.toThrow(FormatError);
  });

  it('without a folder stops without a checkpoint', async () => {
    const stopped = run(DENSE, '', { stopAfter: 2 }, { checkpoints: undefined });
    await expect(stopped).rejects.toMatchObject({ resumable: false });
  });
});
