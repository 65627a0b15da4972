// What predict says of a second text that the model was not trained on: it computes something all the same.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { tasks } from '../data/tasks.js';
import { glueTasks } from '../data/glue.js';
import { readJson } from '../io/json.js';
import { isPack, packedTask } from '../models/pack-file.js';
import { checkpointBeside } from './artefact.js';

const recordSchema = z.object({ task: z.string() });

/** Name of the task that a packed file, or the report beside a model, says it was trained on. */
async function trainedTask(path: string): Promise<string | undefined> {
  if (isPack(path)) return packedTask(path);
  const report = join(checkpointBeside(path), 'report.json');
  return existsSync(report) ? recordSchema.safeParse(await readJson(report)).data?.task : undefined;
}

/** Undefined where the task has pairs, or is not known. */
export async function pairNote(path: string): Promise<string | undefined> {
  const trained = await trainedTask(path);
  const official = glueTasks.find(({ name }) => name === trained);
  const own = tasks.find(({ name }) => name === trained);
  const columns = official?.tsv ?? (own && 'columns' in own ? own.columns : undefined);
  if (!columns || columns.pair !== undefined) return undefined;
  const unless = official ? '' : ', unless its data were read with --pair-field';
  return `${path} was trained on one text (${trained!})${unless}: with --pair it decides about what it has not learnt`;
}
