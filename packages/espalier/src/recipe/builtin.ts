// The recipes that have a name.
import { UsageError } from '../errors.js';
import { parseRecipe, type Recipe } from './recipe.js';

const single = (name: string): unknown => ({ name, stages: [{ methods: [{ name }] }] });

/** A mask over resting weights, which only a task has a use for. */
const adapter = (name: string): unknown => ({
  name,
  stages: [{ stage: 'finetune', methods: [{ name }] }],
});

/** Plain training. */
export const DENSE: Recipe = {
  name: 'dense',
  objective: 'any',
  stages: [{ stage: 'train', methods: [], share: 1 }],
};

/** Sparse transfer learns from the teacher's logits alone. */
const TEACHER_ONLY = { labels: 0, teacher: 1 } as const;

// Prune Once for All, with the rates and weights of the authors' code and of Intel's examples.
const PRUNE_ONCE = {
  stage: 'pretrain',
  methods: [{ name: 'prune-once' }, { name: 'distil' }],
  lr: 5e-5,
} as const;
const TRANSFER = {
  stage: 'finetune',
  methods: [{ name: 'lock' }, { name: 'distil', ...TEACHER_ONLY }],
  lr: 1e-4,
} as const;

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
  { name: 'prune-once', stages: [PRUNE_ONCE, TRANSFER] },
  {
    name: 'prune-once-int8',
    stages: [
      PRUNE_ONCE,
      { ...TRANSFER, share: 3 }, // 9 epochs and 3
      { ...TRANSFER, methods: [...TRANSFER.methods, { name: 'quantise' }], lr: 1e-5, share: 1 },
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
  // One stage: under the masks it trains what the cut model would, and a second one would begin the rate anew.
  single('structured'),
  ...['top', 'bottom', 'even', 'odd', 'symmetric', 'contribution'].map((strategy) =>
    single(`drop-${strategy}`),
  ),
  adapter('adapt'),
  adapter('adapt-random'),
  adapter('adapt-magnitude'),
  adapter('adapt-iterative'),
  { name: 'vocabulary', stages: [{ stage: 'transform', methods: [{ name: 'vocabulary' }] }] },
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
