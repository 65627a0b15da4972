// The recipes that have a name.
import { UsageError } from '../errors.js';
import { parseRecipe, type Recipe } from './recipe.js';

const single = (name: string): unknown => ({ name, stages: [{ methods: [{ name }] }] });

/** Plain training. */
export const DENSE: Recipe = {
  name: 'dense',
  objective: 'any',
  stages: [{ stage: 'train', methods: [], share: 1 }],
};

/** Sparse transfer learns from the teacher's logits alone. */
const TEACHER_ONLY = { labels: 0, teacher: 1 } as const;

/** Data of every named recipe. */
export const RECIPES: readonly unknown[] = [
  single('magnitude'),
  single('nip'),
  {
    name: 'rpp',
    stages: [
      { methods: [{ name: 'rpp' }], share: 0.6 },
      { methods: [{ name: 'lock' }], share: 0.4 },
    ],
  },
  {
    // Rates and weights of the authors' code and of Intel's examples.
    name: 'prune-once',
    stages: [
      { stage: 'pretrain', methods: [{ name: 'prune-once' }, { name: 'distil' }], lr: 5e-5 },
      { stage: 'finetune', methods: [{ name: 'lock' }, { name: 'distil', ...TEACHER_ONLY }], lr: 1e-4 },
    ],
  },
  single('lock'),
  single('distil'),
  {
    name: 'quantise',
    stages: [
      {
        methods: [{ name: 'lock' }, { name: 'distil', ...TEACHER_ONLY }, { name: 'quantise' }],
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
