// --recipe, --sparsity and the part of --set that belongs to a recipe's methods. Commands load this when they run: it
// brings every method with it.
import { keepInputs } from '../jobs/output.js';
import { isRecipeFile, loadRecipe } from '../recipe/load.js';
import { hasOption, type Recipe, setOptions } from '../recipe/recipe.js';
import { isSetting } from '../train/setting-names.js';
import { parsePairs } from './options.js';

type Pair = [key: string, value: unknown];

export interface RecipeFlags {
  readonly sparsity?: number;
  readonly set?: readonly string[];
  readonly out: string;
  readonly overwrite?: true;
}

/** The recipe with its options set, and the pairs that are left: training settings. */
export async function recipeOf(
  source: string,
  { set, sparsity, out, overwrite }: RecipeFlags,
): Promise<{ recipe: Recipe; rest: Pair[] }> {
  const recipe = await loadRecipe(source);
  if (isRecipeFile(source)) await keepInputs({ out, overwrite: overwrite ?? false }, [['--recipe', source]]);
  // A key belongs to the recipe's methods first, and is a training setting otherwise.
  const pairs = parsePairs(set);
  const ofMethods = pairs.filter(([key]) => hasOption(recipe, key) || !isSetting(key));
  const rest = pairs.filter((pair) => !ofMethods.includes(pair));
  if (sparsity !== undefined) ofMethods.unshift(['sparsity', sparsity]);
  return { recipe: setOptions(recipe, ofMethods), rest };
}

/** Several recipes, each with the options that it has; what none of them has is left. */
export async function recipesOf(
  sources: readonly string[],
  set: readonly string[] = [],
): Promise<{ recipes: Recipe[]; rest: Pair[] }> {
  const pairs = parsePairs(set);
  const loaded: Recipe[] = [];
  for (const source of sources) loaded.push(await loadRecipe(source));
  const recipes = loaded.map((recipe) =>
    setOptions(
      recipe,
      pairs.filter(([key]) => hasOption(recipe, key)),
    ),
  );
  return { recipes, rest: pairs.filter(([key]) => !loaded.some((recipe) => hasOption(recipe, key))) };
}
