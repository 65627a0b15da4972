// The baselines of Adapting by Pruning, which never change a weight either, and the order in which they end on a task
// that a small model can learn.
import { describe, expect, it } from 'vitest';
import type { Example, Task } from '../../src/data/example.js';
import { globalMasks } from '../../src/methods/adapt-baselines.js';
import { methodNamed } from '../../src/methods/index.js';
import { bodyNames } from '../../src/models/adapter.js';
import { randomBert } from '../../src/models/initialise.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { random } from '../../src/random.js';
import { builtinRecipe, DENSE } from '../../src/recipe/builtin.js';
import { type Recipe, setOptions } from '../../src/recipe/recipe.js';
import { runRecipe } from '../../src/recipe/run.js';
import { taskWorkload } from '../../src/recipe/task-workload.js';
import { mean } from '../../src/train/statistics.js';
import type { Trainer } from '../../src/train/trainer.js';
import { madeUpExamples, quietContext, randomModel, settingsOf, trainerOf } from '../support/training.js';

describe('globalMasks', () => {
  it('prunes the lowest of all scores together, ties too', () => {
    const generator = random(1, 'scores');
    const scores = [7, 40, 1, 200].map((length) =>
      Float32Array.from({ length }, () => Math.round(50 * generator.uniform())),
    );
    const all = scores.flatMap((array) => [...array]).sort((a, b) => a - b);
    for (const sparsity of [0.001, 0.1, 0.5, 0.9, 0.999]) {
      const masks = scores.map(({ length }) => new Uint8Array(length));
      globalMasks(scores, sparsity, masks);
      const count = Math.floor(sparsity * all.length);
      const expected = (score: number): number => (count > 0 && score <= all[count - 1]! ? 0 : 1);
      expect(masks.map((mask) => [...mask])).toEqual(scores.map((array) => [...array].map(expected)));
    }
  });
});

const model = randomModel();
const body = new Set(bodyNames(model.config));

async function trained(
  name: string,
  options: object,
  steps = 10,
  lr = 0.01,
): Promise<Trainer & { notes: string[] }> {
  const method = methodNamed(name).create(options);
  const notes: string[] = [];
  const trainer = trainerOf({
    model: await method.prepare!(model, quietContext),
    methods: [method],
    examples: madeUpExamples(24),
    steps,
    settings: { lr },
    note(text) {
      if (!text.startsWith('memory')) notes.push(text);
    },
  });
  while (trainer.done < steps) await trainer.step();
  await trainer.finishStage();
  await trainer.release();
  return Object.assign(trainer, { notes });
}

/** Masked weights by name: which are left, and whether all of those are the original ones. */
function survivorsOf(trainer: Trainer): { kept: number[]; magnitudes: [kept: number[], pruned: number[]] } {
  const kept: number[] = [];
  const magnitudes: [number[], number[]] = [[], []];
  for (const name of [...body].filter((tensor) => model.tensors.get(tensor)!.shape.length === 2)) {
    const [before, after] = [model.tensors.get(name)!.data, trainer.weight(name)];
    for (let i = 0; i < before.length; i++) {
      if (after[i] !== 0) expect(after[i], name).toBe(before[i]);
      kept.push(after[i] === 0 ? 0 : 1);
      magnitudes[after[i] === 0 ? 1 : 0].push(Math.abs(before[i]!));
    }
  }
  for (const name of [...body].filter((tensor) => model.tensors.get(tensor)!.shape.length === 1))
    expect([...trainer.weight(name)], name).toEqual([...model.tensors.get(name)!.data]);
  return { kept, magnitudes };
}

const share = (kept: readonly number[]): number => mean(kept);

describe('weights that are left are the original ones', () => {
  it('by magnitude: the largest of all matrices together', async () => {
    const { kept, magnitudes } = survivorsOf(await trained('adapt-magnitude', { sparsity: 0.6 }));
    expect(share(kept)).toBeCloseTo(0.4, 2);
    expect(Math.min(...magnitudes[0])).toBeGreaterThan(Math.max(...magnitudes[1]));
  });

  it('at random: as many, whatever their size', async () => {
    const { kept, magnitudes } = survivorsOf(await trained('adapt-random', { sparsity: 0.6 }));
    expect(share(kept)).toBeCloseTo(0.4, 2);
    expect(mean(magnitudes[0])).toBeCloseTo(mean(magnitudes[1]), 1);
  });

  it('iteratively: by what training made of them, and put back', async () => {
    const options = { sparsity: 0.6, rounds: 3 };
    const { kept, magnitudes } = survivorsOf(await trained('adapt-iterative', options, 20, 0.05));
    expect(share(kept)).toBeCloseTo(0.4, 2);
    expect(Math.min(...magnitudes[0])).toBeLessThan(Math.max(...magnitudes[1]));
    expect(mean(magnitudes[0])).toBeGreaterThan(mean(magnitudes[1]));
  });

  it('iteratively, with too few steps for the rounds: said, and put back', async () => {
    const trainer = await trained('adapt-iterative', { rounds: 8 }, 4);
    expect(trainer.notes.join()).toMatch(/4 of 8 rounds fit into 4 steps/);
    expect(share(survivorsOf(trainer).kept)).toBeCloseTo(0.5 ** (4 / 8), 2);
  });
});

describe('on a task', () => {
  const WORDS = 16;
  const config = {
    ...{ model_type: 'bert', vocab_size: WORDS + 1, hidden_size: 16, num_hidden_layers: 2 },
    ...{ num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 8, initializer_range: 0.1 },
    ...{ hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
  };
  const drawn = (count: number, seed: number, label: (word: number) => number): Example[] => {
    const generator = random(seed, 'words');
    return Array.from({ length: count }, (_, index) => {
      const ids = Int32Array.from({ length: 6 }, (_id, at) => (at === 0 ? 0 : 1 + generator.integer(WORDS)));
      return { index, ids, typeIds: new Uint8Array(6), label: label(ids[3]!) };
    });
  };
  const half = new Set(
    random(9, 'half')
      .shuffle(Array.from({ length: WORDS }, (_, i) => i + 1))
      .slice(WORDS / 2),
  );
  const tasks: Record<'which' | 'half', { task: Task; label: (word: number) => number }> = {
    which: {
      task: {
        name: 'which',
        kind: 'classification',
        labels: [...Array(WORDS).keys()].map(String),
        metrics: ['accuracy'],
      },
      label: (word) => word - 1,
    },
    half: {
      task: { name: 'half', kind: 'classification', labels: ['in', 'out'], metrics: ['accuracy'] },
      label: (word) => Number(half.has(word)),
    },
  };

  async function scored(
    from: Model,
    which: keyof typeof tasks,
    recipe: Recipe,
    totalSteps: number,
    seed: number,
  ) {
    const { task, label } = tasks[which];
    const workload = taskWorkload({
      task,
      train: drawn(1024, 1, label),
      dev: drawn(400, 2, label),
      held: [],
      padId: 0,
    });
    const compute = { threads: 1, device: 'cpu' } as const;
    const { model: result } = await runRecipe(withHead(from, task, seed), recipe, {
      ...compute,
      ...{ workload, totalSteps, seed, checkpointEvery: 1e9, fingerprint: '' },
      settings: settingsOf({ batchSize: 32, maxLength: 8 }),
      control: { onEvent: () => {}, stopRequested: () => false },
    });
    const scorer = workload.scorer(result, compute);
    const { accuracy } = await scorer.score('dev');
    await scorer.release();
    return { result, accuracy: accuracy! };
  }

  it('learned masks beat magnitudes, and these beat chance, at half and at nine tenths', async () => {
    const { result, accuracy } = await scored(randomBert(config, 0), 'which', DENSE, 150, 0);
    expect(accuracy).toBeGreaterThan(0.9); // what the base knows
    const base = { ...result, config: { ...result.config, id2label: undefined, label2id: undefined } };
    for (const sparsity of [0.5, 0.9]) {
      const of = async (name: string): Promise<number> => {
        const recipe = setOptions(builtinRecipe(name), [
          ['sparsity', sparsity],
          ['beta', 1e-2],
        ]);
        const runs = [];
        for (const seed of [0, 1]) runs.push((await scored(base, 'half', recipe, 60, seed)).accuracy);
        return mean(runs);
      };
      const [adapted, magnitude, chance] = [
        await of('adapt'),
        await of('adapt-magnitude'),
        await of('adapt-random'),
      ];
      expect(adapted, `adapt at ${sparsity}`).toBeGreaterThan(magnitude + 0.05);
      expect(magnitude, `magnitude at ${sparsity}`).toBeGreaterThan(chance + 0.05);
    }
  });
});
