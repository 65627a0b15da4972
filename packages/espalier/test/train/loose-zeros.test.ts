// A sparse model in a stage that does not hold its zeros: the run says so.
import { expect, it } from 'vitest';
import { parseRecipe } from '../../src/recipe/recipe.js';
import { runRecipe } from '../../src/recipe/run.js';
import { taskWorkload } from '../../src/recipe/task-workload.js';
import { madeUpExamples, randomModel, settingsOf, twoClasses } from '../support/training.js';

const examples = madeUpExamples(8);
const matrix = /encoder.*(query|key|value|dense)\.weight$/;

/** A model in which that fraction of the encoder's matrices is zero. */
function sparse(fraction: number) {
  const model = randomModel();
  for (const [name, { data }] of model.tensors)
    if (matrix.test(name)) data.fill(0, 0, Math.round(fraction * data.length));
  return model;
}

async function warnings(fraction: number, ...names: string[]): Promise<string[]> {
  const found: string[] = [];
  await runRecipe(
    sparse(fraction),
    parseRecipe({ name: 'r', stages: [{ methods: names.map((name) => ({ name })) }] }, 'r'),
    {
      workload: taskWorkload({ task: twoClasses, train: examples, dev: examples, held: [], padId: 0 }),
      ...{ settings: settingsOf(), totalSteps: 2, seed: 1, threads: 1, device: 'cpu' },
      ...{ checkpointEvery: 100, fingerprint: '' },
      control: {
        onEvent(event) {
          if (event.type === 'note' && event.warning) found.push(event.message);
        },
        stopRequested: () => false,
      },
    },
  );
  return found.filter((message) => message.includes('zeros in its encoder matrices'));
}

it.each([[], ['structured'], ['quantise']])('is warned of with %s', async (...names) => {
  expect(await warnings(0.75, ...names)).toEqual([
    expect.stringMatching(/^the model has 75\.0 % zeros .* nothing in this stage holds them.*"lock"/),
  ]);
});

it.each([['lock'], ['magnitude'], ['nip'], ['rpp'], ['prune-once'], ['adapt'], ['adapt-iterative']])(
  'is not with %s',
  async (name) => {
    expect(await warnings(0.75, name)).toEqual([]);
  },
);

it('is not of a dense model', async () => {
  expect(await warnings(0.05)).toEqual([]);
});
