// Finding the files of a split: train.tsv, or train-00000-of-00002.parquet and its sisters.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError } from '../errors.js';
import { tableExtensions } from './files.js';

/** What the files of a task may be called. */
export interface SplitNames {
  readonly task: string;
  /** Names without extension, the one that messages use first. */
  readonly stems: readonly string[];
  /** Default: those of tables. */
  readonly extensions?: readonly string[];
}

const endingsOf = ({ extensions = tableExtensions }: SplitNames): string => `(${extensions.join('|')})`;

async function listing(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch {
    return [];
  }
}

/** The split's files in `dir`, in order. Throws where there are two candidates, or a shard is missing. */
async function filesIn(dir: string, split: SplitNames): Promise<string[]> {
  const { stems } = split;
  const pattern = new RegExp(`^(${stems.join('|')})(?:-\\d+-of-(\\d+))?\\.${endingsOf(split)}$`);
  const matches = (await listing(dir)).flatMap((name) => {
    const match = pattern.exec(name);
    return match ? [{ name, set: `${match[1]} ${match[3]}`, shards: Number(match[2] ?? 1) }] : [];
  });
  const found = matches.map(({ name }) => name).sort();
  if (new Set(matches.map(({ set }) => set)).size > 1) {
    throw new EspalierError(`${dir}: expected one file for ${stems[0]}, found ${found.join(', ')}; keep one`);
  }
  const shards = matches[0]?.shards ?? 0;
  if (found.length !== shards) {
    throw new EspalierError(`${dir}: expected ${shards} files for ${stems[0]}, found ${found.join(', ')}`);
  }
  return found.map((name) => join(dir, name));
}

/** A split's files in `dir`; with none, an error that says what was looked for. */
export async function locate(dir: string, split: SplitNames): Promise<string[]> {
  const found = await filesIn(dir, split);
  if (found.length > 0) return found;
  const { task, stems } = split;
  throw new EspalierError(
    `no ${stems[0]} split for ${task}: looked for ${stems.join(' or ')}.${endingsOf(split)} in ${dir}`,
  );
}

/** The first of `dirs` that holds the split; with none, an error that lists them. */
export async function folderOf(dirs: readonly string[], split: SplitNames): Promise<string> {
  for (const dir of dirs) if ((await filesIn(dir, split)).length > 0) return dir;
  const { task, stems } = split;
  throw new EspalierError(
    `no ${stems[0]} split for ${task}: looked for ${stems.join(' or ')}.${endingsOf(split)} in ${dirs.join(', ')}`,
  );
}
