// Recipes: plain data that says which stages a compression runs and which methods act in each. No tags, no
// expressions; options are validated against the schema of each method.
import { z } from 'zod';
import { UsageError } from '../errors.js';
import { describeIssue } from '../invalid.js';
import { METHODS, methodNamed, TRANSFORMS } from '../methods/index.js';
import { settingsSchema } from '../train/settings.js';

const methodSchema = z.looseObject({ name: z.string().describe('a name of "espalier methods"') });

const stageSchema = z.strictObject({
  stage: z
    .enum(['train', 'finetune', 'pretrain', 'transform'])
    .default('train')
    .describe(
      'what the stage trains on: what the command gives it, a task, or text; "transform" trains nothing and comes first',
    ),
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
  objective: z.enum(['task', 'pretrain', 'any']).default('any'),
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
    const issue = result.error.issues[0]!;
    if (issue.path.length === 0 && issue.code === 'invalid_type')
      throw new UsageError(
        `recipe ${source}: expected an object with "name" and "stages", found ${JSON.stringify(data)}`,
      );
    throw new UsageError(`recipe ${source}, ${placeOf(issue)}: ${describeIssue(issue, data)}`);
  }
  const training = settingsSchema.safeParse(result.data.training ?? {});
  if (!training.success) {
    const issue = training.error.issues[0]!;
    const text = describeIssue(issue, result.data.training);
    throw new UsageError(`recipe ${source}, ${placeOf({ path: ['training', ...issue.path] })}: ${text}`);
  }
  checkTransforms(result.data, source);
  return {
    ...result.data,
    stages: result.data.stages.map((stage) => ({
      ...stage,
      methods: stage.methods.map((method) => parseMethod(method, source)),
    })),
  };
}

const placeOf = ({ path }: { readonly path: readonly PropertyKey[] }): string =>
  path.length === 0 ? 'at the top' : `"${path.join('.')}"`;

/** The method with all its options. Throws UsageError that names the recipe. */
function parseMethod(
  { name, ...options }: RecipeStage['methods'][number],
  source: string,
): RecipeStage['methods'][number] {
  try {
    return { name, ...methodNamed(name).parse(options) };
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw new UsageError(`recipe ${source}: ${cause.message}`, { cause });
  }
}

/** Whether a method of the recipe acts before text becomes ids. */
export const transforms = ({ stages }: Recipe): boolean => stages.some(({ stage }) => stage === 'transform');

/** Throws UsageError where a stage "transform" does not come first, or methods stand in the wrong kind of stage. */
function checkTransforms({ stages }: Recipe, source: string): void {
  const first = stages.findIndex(({ stage }) => stage !== 'transform');
  for (const [index, { stage, methods }] of stages.entries()) {
    const [place, late] = [`recipe ${source}, "stages.${index}"`, first >= 0 && index > first];
    if (stage === 'transform' && late)
      throw new UsageError(
        `${place}: expected a stage "transform" before those that train; move it to the front`,
      );
    for (const { name } of methods) {
      if (TRANSFORMS.includes(name) === (stage === 'transform')) continue;
      throw new UsageError(
        `${place}: expected ${TRANSFORMS.join(', ')} in a stage "transform" and other methods in stages that train; ` +
          `found ${name} in a stage "${stage}"`,
      );
    }
  }
}

/** True when a method of the recipe has the option, named as "option" or "method.option". */
export const hasOption = ({ stages }: Recipe, key: string): boolean =>
  stages.some(({ methods }) => methods.some(({ name }) => takes(name, key)));

function takes(method: string, key: string): boolean {
  const option = key.startsWith(`${method}.`) ? key.slice(method.length + 1) : key;
  return optionNames(method).includes(option);
}

/** Sets options in every method that has them ("option") or in one ("method.option"); all are checked together. */
export function setOptions(
  recipe: Recipe,
  pairs: readonly (readonly [key: string, value: unknown])[],
): Recipe {
  for (const [key] of pairs) {
    if (hasOption(recipe, key)) continue;
    const known = recipe.stages.flatMap(({ methods }) => methods.flatMap(({ name }) => optionNames(name)));
    throw new UsageError(
      `recipe "${recipe.name}" has no option "${key}"; it has: ${[...new Set(known)].join(', ') || 'none'}`,
    );
  }
  const stages = recipe.stages.map((stage) => ({
    ...stage,
    methods: stage.methods.map((method) => ({
      ...method,
      ...Object.fromEntries(
        pairs
          .filter(([key]) => takes(method.name, key))
          .map(([key, value]) => [key.slice(key.lastIndexOf('.') + 1), value]),
      ),
    })),
  }));
  return parseRecipe({ ...recipe, stages }, recipe.name);
}

/** `setOptions` with one pair. */
export const setOption = (recipe: Recipe, key: string, value: unknown): Recipe =>
  setOptions(recipe, [[key, value]]);

export function optionNames(method: string): string[] {
  const schema = z.toJSONSchema(METHODS.find(({ name }) => name === method)!.options, { io: 'input' });
  return Object.keys(schema.properties ?? {});
}

/**
 * The sparsity a recipe aims at on a model of `layers` blocks: that of its last method that has one, which is of blocks
 * where it drops them; null where a threshold decides.
 */
export function targetSparsity({ stages }: Recipe, layers: number): number | null {
  const aiming = stages.flatMap(({ methods }) => methods).findLast((method) => 'sparsity' in method);
  if (!aiming || aiming['threshold'] !== undefined) return null;
  const [count, fraction] = [aiming['layers'], aiming['sparsity']];
  if (typeof count === 'number') return count / layers;
  return typeof fraction === 'number' ? fraction : null;
}

const OBJECTIVES = { finetune: 'task', pretrain: 'pretrain' } as const;

/**
 * The recipe with the stages that train on a task ("finetune") or on text ("pretrain"). Throws where none does, unless
 * it only transforms a task's model, and where the recipe's objective is the other one.
 */
export function stagesFor(recipe: Recipe, workload: 'finetune' | 'pretrain'): Recipe {
  const stages = recipe.stages.filter(({ stage }) => stage === 'train' || stage === workload);
  const transforming = transforms(recipe);
  if (recipe.objective !== 'any' && recipe.objective !== OBJECTIVES[workload]) {
    throw new UsageError(
      `recipe "${recipe.name}", "objective": expected ${OBJECTIVES[workload]} or any for this command, found ` +
        `${recipe.objective}; run it by "espalier ${workload === 'pretrain' ? 'compress' : 'pretrain'}"`,
    );
  }
  const runs = transforming ? workload === 'finetune' : stages.length > 0;
  if (runs) return { ...recipe, stages };
  const command = workload === 'pretrain' ? 'compress' : 'pretrain';
  throw new UsageError(
    `recipe "${recipe.name}" has no stage for this command; run it by "espalier ${command}"`,
  );
}

/** The recipe without distillation, for a run that has no teacher. */
export const withoutDistillation = (recipe: Recipe): Recipe => ({
  ...recipe,
  stages: recipe.stages.map((stage) => ({
    ...stage,
    methods: stage.methods.filter(({ name }) => name !== 'distil'),
  })),
});

/**
 * The recipe with the peak rate that the user gave, if any: the first stage of the workload that has a rate of its own
 * takes it, and the others keep their proportion to that one.
 */
export function atRate(recipe: Recipe, lr: unknown, workload: 'finetune' | 'pretrain'): Recipe {
  const stages = recipe.stages.filter(({ stage }) => stage === 'train' || stage === workload);
  const first = stages.find((stage) => stage.lr !== undefined)?.lr;
  if (first === undefined || typeof lr !== 'number') return recipe;
  const scaled = recipe.stages.map((stage) =>
    stage.lr === undefined ? stage : { ...stage, lr: (stage.lr / first) * lr },
  );
  return { ...recipe, stages: scaled };
}
