// Recipes: plain data that says which stages a compression runs and which methods act in each. No tags, no
// expressions; options are validated against the schema of each method.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { METHODS, methodNamed } from '../methods/index.js';
import { settingsSchema } from '../train/settings.js';

const methodSchema = z.looseObject({ name: z.string().describe('a name of "espalier methods"') });

const stageSchema = z.strictObject({
  stage: z.enum(['finetune']).describe('what the stage trains on'),
  methods: z.array(methodSchema).default([]).describe('methods that act together, in this order'),
  share: z
    .number()
    .positive()
    .default(1)
    .describe("part of the recipe's step budget, relative to the others"),
  lr: z.number().positive().optional().describe('peak learning rate of this stage'),
  epochs: z.number().positive().optional().describe('passes over the data of this stage; wins over share'),
});

export const recipeSchema = z.strictObject({
  // It names folders of checkpoints.
  name: z.string().regex(/^[\w][\w .+-]*$/, { error: 'expected letters, digits, spaces and . + - _ only' }),
  objective: z.enum(['task', 'any']).default('any'),
  stages: z.array(stageSchema).min(1),
  training: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('training settings the recipe brings along'),
});

export type Recipe = z.infer<typeof recipeSchema>;
export type RecipeStage = Recipe['stages'][number];

/** Checks recipe data; `source` names it in errors. Method options are filled in with their defaults. */
export function parseRecipe(data: unknown, source: string): Recipe {
  const result = recipeSchema.safeParse(data);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new UsageError(`recipe ${source}, "${issue!.path.join('.')}": ${issue!.message}`);
  }
  const training = settingsSchema.safeParse(result.data.training ?? {});
  if (!training.success) {
    const [issue] = training.error.issues;
    throw new UsageError(`recipe ${source}, "${['training', ...issue!.path].join('.')}": ${issue!.message}`);
  }
  return {
    ...result.data,
    stages: result.data.stages.map((stage) => ({
      ...stage,
      methods: stage.methods.map(({ name, ...options }) => ({ name, ...methodNamed(name).parse(options) })),
    })),
  };
}

/** Sets an option in every method that has it, or in one as "method.option". Throws when none has it. */
export function setOption(recipe: Recipe, key: string, value: unknown): Recipe {
  const [methodName, option] = key.includes('.') ? (key.split('.', 2) as [string, string]) : [undefined, key];
  let hits = 0;
  const stages = recipe.stages.map((stage) => ({
    ...stage,
    methods: stage.methods.map((method) => {
      if (methodName !== undefined && method.name !== methodName) return method;
      if (!optionNames(method.name).includes(option)) return method;
      hits++;
      return { ...method, [option]: value };
    }),
  }));
  if (hits === 0) {
    const known = recipe.stages.flatMap(({ methods }) => methods.flatMap(({ name }) => optionNames(name)));
    throw new UsageError(
      `recipe "${recipe.name}" has no option "${key}"; it has: ${[...new Set(known)].join(', ') || 'none'}`,
    );
  }
  return parseRecipe({ ...recipe, stages }, recipe.name);
}

export function optionNames(method: string): string[] {
  const schema = z.toJSONSchema(METHODS.find(({ name }) => name === method)!.options, { io: 'input' });
  return Object.keys(schema.properties ?? {});
}
