// Which files make a corpus: files as they are named, folders with all .txt files below them, and globs with `*`,
// `?` (neither crosses a folder) and `**` (any folders). Node 20 has no glob of its own.
import type { Dirent } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize, parse, resolve, sep } from 'node:path';
import { UsageError } from '../../errors.js';
import { ioError } from '../../io/io-error.js';

const kindOf = async (path: string): Promise<'file' | 'folder' | undefined> => {
  const found = await stat(path).catch(() => undefined);
  return found && (found.isDirectory() ? 'folder' : 'file');
};

/** Entries that are not hidden. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder === '' ? '.' : folder, { withFileTypes: true });
    return entries.filter(({ name }) => !name.startsWith('.'));
  } catch (cause) {
    throw ioError(cause, 'reading', folder);
  }
}

/** The .txt files of a folder and of the folders in it; links to folders are not followed. */
async function textFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await textFiles(path)));
    else if (entry.name.endsWith('.txt') && (await kindOf(path)) === 'file') found.push(path);
  }
  return found;
}

const isGlob = (text: string): boolean => /[*?]/.test(text);

/** One part of a glob as a regular expression over names. */
function matcher(part: string): RegExp {
  const escaped = part.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*+/g, '.*').replace(/\?/g, '.')}$`, 'su');
}

/** `folder` and every folder below it, links not followed. */
async function foldersBelow(folder: string): Promise<string[]> {
  const inner = (await entriesOf(folder)).filter((entry) => entry.isDirectory());
  const nested = await Promise.all(inner.map(({ name }) => foldersBelow(join(folder, name))));
  return [folder, ...nested.flat()];
}

/** What the remaining `parts` of a glob match inside `folder`. */
async function expand(folder: string, parts: readonly string[]): Promise<string[]> {
  const [part, ...rest] = parts;
  if (part === undefined) return [folder];
  if ((await kindOf(folder === '' ? '.' : folder)) !== 'folder') return [];
  if (part === '**') {
    const inner = rest.length > 0 ? rest : ['*'];
    return (await Promise.all((await foldersBelow(folder)).map((below) => expand(below, inner)))).flat();
  }
  if (!isGlob(part)) {
    const path = join(folder, part);
    return (await kindOf(path)) === undefined ? [] : expand(path, rest);
  }
  const pattern = matcher(part);
  const names = (await entriesOf(folder)).map(({ name }) => name).filter((name) => pattern.test(name));
  return (await Promise.all(names.map((name) => expand(join(folder, name), rest)))).flat();
}

async function globbed(pattern: string): Promise<string[]> {
  const root = isAbsolute(pattern) ? parse(pattern).root : '';
  const separator = sep === '/' ? '/' : /[\\/]/;
  const parts = pattern
    .slice(root.length)
    .split(separator)
    .filter((part) => part !== '' && part !== '.');
  return expand(root, parts);
}

async function filesOf(path: string): Promise<string[]> {
  const exists = (await lstat(path).catch(() => undefined)) !== undefined;
  if (!exists && !isGlob(path)) throw new UsageError(`corpus: ${path} does not exist`);
  const files: string[] = [];
  for (const match of exists ? [path] : await globbed(path)) {
    if ((await kindOf(match)) === 'folder') files.push(...(await textFiles(match)));
    else files.push(match);
  }
  if (files.length > 0) return files.map((file) => normalize(file));
  throw new UsageError(
    exists
      ? `corpus: expected .txt files in ${path}, found none; name the files themselves, or a pattern`
      : `corpus: no file matches ${path}`,
  );
}

/**
 * The files that `paths` name: a file as it is, a folder's .txt files at any depth, what a glob matches (of a folder
 * again its .txt files). Sorted, none twice. Throws UsageError naming a path that gives none.
 */
export async function corpusFiles(paths: readonly string[]): Promise<string[]> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const byPlace = new Map(files.map((file) => [resolve(file), file]));
  return [...byPlace.values()].sort();
}
