// The result of a stage that is done, beside its checkpoints: a resumed run takes it instead of training again.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { FormatError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { readJson } from '../io/json.js';
import { loadCheckpoint, saveCheckpoint } from '../models/checkpoint.js';
import type { Model } from '../models/model.js';

export interface StageResult {
  readonly model: Model;
  /** Values methods reported, the last of each name. */
  readonly reported: Readonly<Record<string, number>>;
  /** Lists that surgery before a stage reported, the last of each name. */
  readonly surgery: Readonly<Record<string, readonly number[]>>;
}

const schema = z.object({
  fingerprint: z.string(),
  reported: z.record(z.string(), z.number()),
  surgery: z.record(z.string(), z.array(z.number())).default({}),
});

const headerOf = (directory: string): string => join(directory, 'finished.json');
const modelOf = (directory: string): string => join(directory, 'finished');

/** Writes the model, then the header that makes it count. */
export async function saveFinishedStage(
  directory: string,
  fingerprint: string,
  { model, reported, surgery }: StageResult,
): Promise<void> {
  await saveCheckpoint(modelOf(directory), model);
  await writeFileAtomic(headerOf(directory), JSON.stringify({ fingerprint, reported, surgery }));
}

/** The result of the stage, if it is there. Throws FormatError when it belongs to another run. */
export async function loadFinishedStage(
  directory: string,
  fingerprint: string,
  source: string,
): Promise<StageResult | undefined> {
  const path = headerOf(directory);
  if (!existsSync(path)) return undefined;
  const header = schema.safeParse(await readJson(path));
  if (header.data?.fingerprint !== fingerprint) {
    throw new FormatError(
      path,
      'belongs to a run with other options or data; use --overwrite or the same options',
    );
  }
  const { reported, surgery } = header.data;
  return { model: { ...(await loadCheckpoint(modelOf(directory))), source }, reported, surgery };
}
