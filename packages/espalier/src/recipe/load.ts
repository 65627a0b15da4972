// A recipe from its name or from a YAML or JSON file.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { UsageError } from '../errors.js';
import { builtinRecipe } from './builtin.js';
import { parseRecipe, type Recipe } from './recipe.js';

/** `source` is a file when it has a recipe's ending or exists, otherwise the name of a built-in recipe. */
export async function loadRecipe(source: string): Promise<Recipe> {
  if (!/\.(ya?ml|json)$/i.test(source)) return builtinRecipe(source);
  if (!existsSync(source)) throw new UsageError(`recipe ${source}: no such file`);
  let data: unknown;
  try {
    // The core schema knows no tags and no expressions: a recipe is data.
    data = parse(await readFile(source, 'utf8'), { schema: 'core', maxAliasCount: 10 });
  } catch (cause) {
    throw new UsageError(
      `recipe ${source}: ${cause instanceof Error ? cause.message.split('\n')[0]! : String(cause)}`,
      { cause },
    );
  }
  return parseRecipe(data, source);
}
