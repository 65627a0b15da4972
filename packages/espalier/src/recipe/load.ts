// A recipe from its name or from a YAML or JSON file.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.js';
import { ioError } from '../io/io-error.js';
import { builtinRecipe } from './builtin.js';
import { parseRecipe, type Recipe } from './recipe.js';

/** `source` is a file when it ends like one. */
export const isRecipeFile = (source: string): boolean => /\.(ya?ml|json)$/i.test(source);

/** The recipe of a file, or the built-in one of that name. */
export async function loadRecipe(source: string): Promise<Recipe> {
  if (!isRecipeFile(source)) return builtinRecipe(source);
  if (!existsSync(source)) throw new UsageError(`recipe ${source}: no such file`);
  const text = await readFile(source, 'utf8').catch((cause: unknown) => {
    throw ioError(cause, 'reading', source);
  });
  return parseRecipe(await parseData(text, source), source);
}

/** YAML 1.2 as data, of which JSON is a part. A tag that the core schema does not know is refused, not dropped. */
async function parseData(text: string, source: string): Promise<unknown> {
  const { parseDocument } = await import('yaml'); // most recipes are named and need no file
  const document = parseDocument(text, { schema: 'core' });
  const [problem] = [...document.errors, ...document.warnings];
  try {
    if (problem) throw problem;
    return document.toJS({ maxAliasCount: 10 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0]! : String(cause);
    throw new UsageError(`recipe ${source}: ${reason}`, { cause });
  }
}
