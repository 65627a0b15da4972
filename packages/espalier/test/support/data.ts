// Where real data lies, if it is there: $ESPALIER_DATA, or ../shared/data beside the repository.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'vitest';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

export const dataRoot = resolve(process.env['ESPALIER_DATA'] ?? join(repository, '..', 'shared', 'data'));

/** `describe` that runs when every named path of the data folder exists, and otherwise skips aloud. */
export function describeWithData(title: string, paths: readonly string[], body: () => void): void {
  const missing = paths.filter((path) => !existsSync(join(dataRoot, path)));
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const reason = `no ${missing.join(', ')} under ${dataRoot}`;
  console.warn(`skipped "${title}": ${reason}`);
  // The body of a skipped `describe` runs too, and may read the files that are missing.
  it.skip(`${title}: ${reason}`, () => undefined);
}

export const dataPath = (...parts: string[]): string => join(dataRoot, ...parts);
