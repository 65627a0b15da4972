// The output directory of a run: what may lie there before it starts, and what a resumed run must have in common
// with it. report.json is written last, so a directory that has one holds a whole run.
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { FormatError, UsageError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { ioError } from '../io/io-error.js';
import { readJson } from '../io/json.js';
import { TOKENIZER_FILES } from '../models/tokenizer-files.js';
import { PACKED } from '../models/weight-files.js';
import type { Report } from '../report/report.js';
import { differenceOf, type RunRecord } from './difference.js';
import { checkUnlocked } from './folder-lock.js';
import { checkInputs, type Input } from './inputs.js';

/** Files and folders a run writes; the mark of a whole run first, so that it goes first. */
export const RUN_ENTRIES = [
  'report.json',
  'report.md',
  'recipe.yaml',
  'metrics.jsonl',
  'checkpoints',
  'config.json',
  'model.safetensors',
  'adapter.safetensors',
  PACKED,
  'quantisation.json',
  ...TOKENIZER_FILES,
  'onnx',
];

export interface OutputOptions {
  readonly out: string;
  readonly resume: boolean;
  readonly overwrite: boolean;
  readonly keepCheckpoints: boolean;
}

/** Where a run keeps its checkpoints until it ends. */
export const checkpointsOf = (directory: string): string => join(directory, 'checkpoints');

/** What the run of a directory was begun with, for a resume to compare. */
const runFileOf = (directory: string): string => join(checkpointsOf(directory), 'run.json');

/** What a run has left in its directory. Checkpoints count once they say of which run they are. */
async function presentEntries(directory: string): Promise<string[]> {
  if (!existsSync(directory)) return [];
  const found = await readdir(directory).catch((cause: unknown) => {
    throw ioError(cause, 'reading', directory);
  });
  return RUN_ENTRIES.filter((entry) =>
    entry === 'checkpoints' ? existsSync(runFileOf(directory)) : found.includes(entry),
  );
}

/** Throws UsageError where --overwrite would remove what one of these options reads. */
export async function keepInputs(
  { out, overwrite }: Pick<OutputOptions, 'out' | 'overwrite'>,
  inputs: readonly Input[],
): Promise<void> {
  if (!overwrite) return;
  const paths = (await presentEntries(out)).map((entry) => join(out, entry));
  await checkInputs({ paths, out, because: '--overwrite' }, inputs);
}

type Place = Omit<OutputOptions, 'keepCheckpoints'>;

/** Throws UsageError when a run may not start in the directory. Changes nothing: the inputs are read after it. */
export async function checkOutput(options: Place): Promise<void> {
  await checkUnlocked(options.out);
  await checkEntries(options);
}

async function checkEntries({ out, resume, overwrite }: Place): Promise<void> {
  if (resume && overwrite) throw new UsageError('--resume and --overwrite exclude each other: give one');
  const present = await presentEntries(out);
  if (present.length === 0 || overwrite) return;
  if (present.join() === 'checkpoints' && (await readdir(checkpointsOf(out))).length === 1) return; // it never began
  if (!resume) {
    throw new UsageError(
      `${out} already holds ${present.join(', ')}; continue a run with --resume or replace it with --overwrite`,
    );
  }
  if (!present.includes('report.json') && !present.includes('checkpoints')) {
    throw new UsageError(
      `${out} holds ${present.join(', ')} and no run to resume; name another --out or replace it with --overwrite`,
    );
  }
}

const runSchema = z.object({
  fingerprint: z.string(),
  options: z.record(z.string(), z.unknown()).optional(), // earlier versions kept none
});
const markSchema = z.looseObject({ schema: z.literal('espalier-report-1'), fingerprint: z.string() });
const reportSchema = z.custom<Report>((value) => markSchema.safeParse(value).success);

async function readRecord<T extends { readonly fingerprint: string }>(
  schema: z.ZodType<T>,
  path: string,
  { fingerprint, record }: RunIdentity,
  recordOf: (found: T) => RunRecord | undefined,
): Promise<T> {
  const read = schema.safeParse(await readJson(path));
  if (!read.success) throw new FormatError(path, 'not of this version; start again with --overwrite');
  if (read.data.fingerprint === fingerprint) return read.data;
  const begun = recordOf(read.data);
  const difference = begun && differenceOf(begun, alike(record, begun));
  const what = difference === undefined ? '' : `: ${difference}`;
  throw new UsageError(
    `${path} belongs to a run with other options, data or models${what}; repeat its options or use --overwrite`,
  );
}

/** Those options that `begun` has too. */
const alike = (record: RunRecord, begun: RunRecord): RunRecord =>
  Object.fromEntries(Object.entries(record).filter(([name]) => Object.hasOwn(begun, name)));

/** What a report says of a run's options. */
function reportedOptions({ settings, seed, recipe, search, data }: Report): RunRecord {
  const { steps, trainRows, ...others } = settings;
  return { settings: others, seed, ...(!search && { recipe }), files: data.sha256, trainRows, steps };
}

/** What a run is, for a resume to compare. */
export interface RunIdentity {
  /** A hash over everything that decides its result. */
  readonly fingerprint: string;
  /** The same to read, in the order in which the first difference is named. */
  readonly record: RunRecord;
}

/** Removes what a killed process was writing. */
async function removeTorn(directory: string): Promise<void> {
  const torn = /^\.(.+)\.[0-9a-f]{8}\.tmp$/;
  for (const name of await readdir(directory)) {
    if (RUN_ENTRIES.includes(torn.exec(name)?.[1] ?? '')) await rm(join(directory, name), { force: true });
  }
}

/**
 * Prepares the directory for this run, once its inputs are known to be good. Returns the report
 * when this run is already finished there. Throws UsageError when the run there is another one.
 */
export async function prepareOutput(
  options: OutputOptions,
  identity: RunIdentity,
): Promise<Report | undefined> {
  await checkEntries(options);
  const { out, resume, keepCheckpoints } = options;
  const present = await presentEntries(out);
  if (!resume) for (const entry of present) await rm(join(out, entry), { recursive: true, force: true });
  else if (present.includes('report.json')) {
    const report = await readRecord(reportSchema, join(out, 'report.json'), identity, reportedOptions);
    if (!keepCheckpoints) await rm(checkpointsOf(out), { recursive: true, force: true });
    return report;
  } else if (present.includes('checkpoints')) {
    await readRecord(runSchema, runFileOf(out), identity, ({ options: begun }) => begun);
    await removeTorn(out);
    return undefined;
  }
  await mkdir(checkpointsOf(out), { recursive: true }).catch((cause: unknown) => {
    throw ioError(cause, 'writing', out);
  });
  const { fingerprint, record } = identity;
  // What was not given is written too, so that `alike` finds it.
  const text = JSON.stringify({ fingerprint, options: record }, (_, value: unknown) => value ?? null);
  await writeFileAtomic(runFileOf(out), `${text}\n`);
  return undefined;
}
