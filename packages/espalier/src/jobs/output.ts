// The output directory of a run: refuses to overwrite, keeps checkpoints until the end.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../errors.js';

/** Files and folders a run writes, in no particular order. */
const RUN_ENTRIES = [
  'config.json',
  'model.safetensors',
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.txt',
  'onnx',
  'recipe.yaml',
  'report.json',
  'report.md',
  'metrics.jsonl',
  'checkpoints',
];

/** Where a run keeps its checkpoints until it ends. */
export const checkpointsOf = (directory: string): string => join(directory, 'checkpoints');

/** Prepares `directory` for a run. */
export async function prepareOutput(
  directory: string,
  { resume, overwrite }: { readonly resume: boolean; readonly overwrite: boolean },
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const present = (await readdir(directory)).filter((entry) => RUN_ENTRIES.includes(entry));
  if (overwrite && !resume) {
    for (const entry of present) await rm(join(directory, entry), { recursive: true, force: true });
  } else if (present.length > 0 && !resume) {
    throw new UsageError(
      `${directory} already holds a run (${present.join(', ')}); continue it with --resume or replace it with --overwrite`,
    );
  }
}
