// The methods that drop layers, over a recipe's run: which layers go and what is said of it, what stays untrained,
// options that cannot be, and interrupted runs.
import { describe, expect, it } from 'vitest';
import { Interrupted, UsageError } from '../../src/errors.js';
import { highestScores } from '../../src/models/layers.js';
import type { Model } from '../../src/models/model.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { parseRecipe, type Recipe, setOptions, targetSparsity } from '../../src/recipe/recipe.js';
import { type RecipeResult, runRecipe, type StageRunOptions } from '../../src/recipe/run.js';
import { taskWorkload } from '../../src/recipe/task-workload.js';
import { contributions } from '../../src/train/contributions.js';
import { expectNear } from '../support/near.js';
import { temporaryFolder } from '../support/temporary.js';
import { madeUpExamples, modelBits, randomModel, settingsOf, twoClasses } from '../support/training.js';

const path = temporaryFolder();
const model = randomModel({ num_hidden_layers: 4 });
const train = madeUpExamples(12);
const dev = madeUpExamples(6, { seed: 2 });

interface Run extends RecipeResult {
  readonly notes: readonly string[];
}

/** Three steps of a recipe with some of its options set. */
async function run(
  recipe: Recipe,
  options: Readonly<Record<string, unknown>> = {},
  more: Partial<StageRunOptions> = {},
): Promise<Run> {
  const notes: string[] = [];
  const result = await runRecipe(model, setOptions(recipe, Object.entries(options)), {
    workload: taskWorkload({ task: twoClasses, train, dev, held: [], padId: 0 }),
    ...{ settings: settingsOf(), totalSteps: 3, seed: 3, threads: 1, device: 'cpu' },
    ...{ checkpointEvery: 100, fingerprint: 'these options' },
    control: {
      onEvent(event) {
        if (event.type === 'note') notes.push(event.message);
      },
      stopRequested: () => false,
    },
    ...more,
  });
  return { ...result, notes };
}

const blocksOf = ({ tensors }: Model): number[] =>
  [...new Set([...tensors.keys()].flatMap((name) => /layer\.(\d+)\./.exec(name)?.[1] ?? [])).values()].map(
    Number,
  );

describe('which layers go', () => {
  it.each([
    ['top', { sparsity: 0.5 }, [3, 4]],
    ['bottom', { sparsity: 0.25 }, [1]],
    ['even', {}, [2, 4]],
    ['odd', { layers: 1 }, [3]],
    ['symmetric', { layers: 2, sparsity: 0.25 }, [2, 3]],
  ])('drop-%s, %j', async (strategy, options, expected) => {
    const { model: smaller, surgery, notes } = await run(builtinRecipe(`drop-${strategy}`), options);
    expect(surgery).toEqual({ droppedLayers: expected });
    expect(notes).toContain(`dropped layers ${expected.join(', ')} of 4`);
    expect(smaller.config.num_hidden_layers).toBe(4 - expected.length);
    expect(blocksOf(smaller)).toEqual([...Array(4 - expected.length).keys()]);
  });

  const recipe = builtinRecipe('drop-contribution');
  const scoresOfDev = (): Promise<number[]> =>
    contributions(model, { examples: dev, padId: 0 }, { threads: 1, device: 'cpu' });

  it('by contribution: the highest scores of the model before training, on the texts of dev', async () => {
    const scores = await scoresOfDev();
    const { surgery, notes, model: smaller } = await run(recipe, { layers: 2 });
    expect(surgery['droppedLayers']).toEqual(highestScores(scores, 2));
    expectNear(surgery['contributions']!, scores, 1e-6); // summed in another order
    expect(notes).toContain(
      `contribution scores from the bottom: ${scores.map((score) => score.toFixed(4)).join(', ')}`,
    );
    expect(smaller.config.num_hidden_layers).toBe(2);
  });

  it('by contribution: all above a threshold, however many were asked for', async () => {
    const scores = await scoresOfDev();
    const [lowest, ...others] = [...scores].sort((a, b) => a - b);
    const { surgery } = await run(recipe, { threshold: (lowest! + others[0]!) / 2, layers: 1 });
    expect(surgery['droppedLayers']).toEqual([1, 2, 3, 4].filter((layer) => scores[layer - 1] !== lowest));
    await expect(run(recipe, { threshold: 0.9999 })).rejects.toThrow(
      /threshold 0\.9999: no layer scores above/,
    );
  });

  it('by contribution: over no more texts than wanted', async () => {
    const { surgery } = await run(recipe, { sample: 2 });
    expect(surgery['contributions']).not.toEqual(await scoresOfDev());
    expect((await run(recipe, { sample: 6 })).surgery['contributions']).toHaveLength(4);
  });

  it('in two stages one after the other, beside other methods', async () => {
    const stages = [
      { methods: [{ name: 'drop-top', layers: 1 }] },
      {
        methods: [
          { name: 'drop-bottom', layers: 1 },
          { name: 'magnitude', sparsity: 0.5 },
        ],
      },
    ];
    const { model: smaller, surgery } = await run(parseRecipe({ name: 'twice', stages }, 'test'));
    expect(smaller.config.num_hidden_layers).toBe(2);
    expect(surgery).toEqual({ droppedLayers: [1] }); // the last of the name; every stage notes its own
  });
});

describe('what trains afterwards', () => {
  /** Names of the tensors that are as they were in the layers that stay. */
  async function untouched(options: object): Promise<string[]> {
    const { model: smaller } = await run(builtinRecipe('drop-bottom'), { layers: 2, ...options });
    const before = modelBits(model);
    const there = (name: string): string =>
      name.replace(/layer\.(\d+)\./, (_, block: string) => `layer.${Number(block) + 2}.`);
    return Object.entries(modelBits(smaller)).flatMap(([name, bits]) =>
      bits === before[there(name)] ? [name] : [],
    );
  }
  const count = (names: readonly string[], part: string): number =>
    names.filter((name) => name.includes(part)).length;

  it('is everything', async () => {
    expect(await untouched({})).toEqual([]);
  });

  it('is not what is frozen', async () => {
    const embeddings = await untouched({ freezeEmbeddings: true });
    expect([count(embeddings, 'embeddings.'), embeddings.length]).toEqual([5, 5]);
    const layer = await untouched({ freezeLayers: 1 });
    expect([count(layer, 'layer.0.'), layer.length]).toEqual([16, 16]);
    expect(await untouched({ freezeLayers: 2, freezeEmbeddings: true })).toHaveLength(37);
  });

  it('cannot be frozen beyond the layers that stay', async () => {
    await expect(untouched({ freezeLayers: 3 })).rejects.toThrow(
      'freezeLayers: expected at most the 2 layers that stay, found 3',
    );
  });
});

describe('options', () => {
  it.each([
    ['drop-top', { sparsity: 0.1 }, 'sparsity 0.1 of 4 layers rounds to 0'],
    ['drop-top', { sparsity: 0.95 }, 'sparsity 0.95 of 4 layers rounds to 4'],
    ['drop-bottom', { layers: 4 }, '4 of 4 layers cannot be dropped'],
    ['drop-symmetric', { layers: 0 }, 'method "drop-symmetric", option "layers"'],
    ['drop-even', { layers: 3 }, 'drop-even: expected at most 2'],
    ['drop-top', { threshold: 0.9 }, 'recipe "drop-top" has no option "threshold"'],
    ['drop-contribution', { threshold: 1 }, 'option "threshold"'],
    ['drop-contribution', { sample: 0 }, 'option "sample"'],
  ])('%s refuses %j', async (name, options, message) => {
    const refused = Promise.resolve().then(() => run(builtinRecipe(name), options));
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(message);
  });

  it('the target is the part of the layers, and none where a threshold decides', () => {
    const target = (name: string, options: object): number | null =>
      targetSparsity(setOptions(builtinRecipe(name), Object.entries(options)), 12);
    expect(target('drop-top', {})).toBe(0.5);
    expect(target('drop-top', { sparsity: 0.3 })).toBe(0.3);
    expect(target('drop-top', { sparsity: 0.3, layers: 4 })).toBe(4 / 12);
    expect(target('drop-contribution', { threshold: 0.9, layers: 4 })).toBeNull();
    expect(target('magnitude', { sparsity: 0.7 })).toBe(0.7);
    expect(target('lock', {})).toBeNull();
  });
});

describe('an interrupted run', () => {
  it.each(['drop-even', 'drop-contribution'])('of %s ends with the same bits', async (name) => {
    const recipe = builtinRecipe(name);
    const more = { checkpoints: path(`${name}-whole`), totalSteps: 5 };
    const whole = await run(recipe, {}, more);
    let asked = 0;
    const control = { onEvent: () => {}, stopRequested: () => asked++ === 2 };
    const broken = { ...more, checkpoints: path(`${name}-broken`) };
    await expect(run(recipe, {}, { ...broken, control })).rejects.toThrow(Interrupted);
    const resumed = await run(recipe, {}, broken);
    expect(modelBits(resumed.model)).toEqual(modelBits(whole.model));
    expect(resumed.surgery).toEqual(whole.surgery);
    // A finished stage keeps the smaller model and what was said of it.
    const again = await run(recipe, {}, broken);
    expect(again.notes).toEqual([]);
    expect(again.surgery).toEqual(whole.surgery);
    expect(modelBits(again.model)).toEqual(modelBits(whole.model));
  });
});
