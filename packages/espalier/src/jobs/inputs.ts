// What a run reads must outlive what it clears away before it trains: a model that is its own --out would be gone when
// the training fails, and its data with it.
import { readdir, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { UsageError } from '../errors.js';

/** An option and the file or folder that it names; one that is not there (a Hub id) has nothing to lose. */
export type Input = readonly [option: string, path: string | null | undefined];

/** What is cleared away: paths, and the options that say so. */
export interface Removal {
  readonly paths: readonly string[];
  readonly out: string;
  /** Why: `--overwrite`, as the message begins. */
  readonly because: string;
}

/** Whether `path` is `folder` or lies in it; both without links. */
export const isWithin = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);

const realOf = (path: string): Promise<string | undefined> => realpath(path).catch(() => undefined);

/** What reading the path opens: itself and, of a folder, what lies there, wherever links lead. */
async function placesOf(path: string): Promise<string[]> {
  const real = await realOf(path);
  if (real === undefined) return [];
  const names = await readdir(real).catch(() => []); // a file
  const below = names.map((name) => join(real, name));
  const targets = await Promise.all(below.map(realOf));
  return [real, ...below, ...targets.filter((target) => target !== undefined)];
}

/** Throws UsageError where one of the inputs would be removed, whole or in part. */
export async function checkInputs({ paths, out, because }: Removal, inputs: readonly Input[]): Promise<void> {
  const removed = (await Promise.all(paths.map(realOf))).filter((path) => path !== undefined);
  for (const [option, path] of inputs) {
    if (path === null || path === undefined || removed.length === 0) continue;
    const lost = (await placesOf(path)).find((place) => removed.some((folder) => isWithin(place, folder)));
    if (lost === undefined) continue;
    throw new UsageError(
      `--out ${out}: ${because} would remove ${lost}, which ${option} ${path} reads; name another --out`,
    );
  }
}
