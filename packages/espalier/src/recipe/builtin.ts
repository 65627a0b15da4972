// The recipes that have a name.
import { UsageError } from '../errors.js';
import { parseRecipe, type Recipe } from './recipe.js';

const single = (name: string): unknown => ({ name, stages: [{ stage: 'finetune', methods: [{ name }] }] });

/** Plain fine-tuning. */
export const DENSE: Recipe = {
  name: 'dense',
  objective: 'task',
  stages: [{ stage: 'finetune', methods: [], share: 1 }],
};

/** Data of every named recipe. */
export const RECIPES: readonly unknown[] = [
  single('magnitude'),
  single('nip'),
  {
    name: 'rpp',
    stages: [
      { stage: 'finetune', methods: [{ name: 'rpp' }], share: 0.6 },
      { stage: 'finetune', methods: [{ name: 'lock' }], share: 0.4 },
    ],
  },
  single('lock'),
  single('distil'),
  {
    name: 'quantise',
    stages: [
      {
        stage: 'finetune',
        methods: [{ name: 'lock' }, { name: 'distil', labels: 0, teacher: 1 }, { name: 'quantise' }],
      },
    ],
    training: { lr: 1e-5, epochs: 3 },
  },
];

export const recipeNames = (): string[] => RECIPES.map((data) => parseRecipe(data, 'built in').name);

export function builtinRecipe(name: string): Recipe {
  const recipe = RECIPES.map((data) => parseRecipe(data, 'built in')).find(
    (candidate) => candidate.name === name,
  );
  if (!recipe) {
    throw new UsageError(`no recipe "${name}": expected a file or one of ${recipeNames().join(', ')}`);
  }
  return recipe;
}
