// Latency side by side on this machine: a packed file, an ONNX file or a model against the dense model in ONNX Runtime,
// float32 and int8, with what each takes on disk and in memory.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { BatchShape } from '../bench/message.js';
import { busyNote, type Machine, machineNow } from '../bench/machine.js';
import { OPPONENTS } from '../bench/opponents.js';
import { type Lap, race } from '../bench/race.js';
import { UsageError } from '../errors.js';
import { loadModel } from '../models/adapter.js';
import { longestInput } from '../models/families.js';
import type { Model } from '../models/model.js';
import { hasTaskHead } from '../models/task-model.js';
import type { RunControl } from '../recipe/run.js';
import { versions } from '../versions.js';
import { checkpointBeside } from './artefact.js';
import { benchContestants, type Entrant } from './bench-contestants.js';
import { formSchema } from './open-artefact.js';
import { baseOption, parseOptions } from './task-run.js';

export const benchSchema = z.strictObject({
  model: z
    .string()
    .describe('directory in Hugging Face layout, Hub id, .onnx file beside one, or .espalier file'),
  base: baseOption,
  form: formSchema,
  against: z
    .array(z.enum(OPPONENTS))
    .default([...OPPONENTS])
    .describe('dense models it is compared with'),
  dense: z
    .string()
    .optional()
    .describe('the model before compression; default: the same weights, which are as fast'),
  tokens: z
    .int()
    .positive()
    .optional()
    .describe('of every sequence; default 128, or the positions of a smaller model'),
  batchSize: z.int().positive().default(1),
  threads: z.int().positive().default(1),
  rounds: z.int().positive().default(5).describe('fresh processes of each contestant'),
  warmup: z.int().min(0).default(5).describe('runs of each process before those that count'),
  runs: z.int().positive().default(20).describe('runs of each process that count'),
});

export interface BenchLane extends Lap {
  readonly name: string;
  /** Of a packed file: in what its layers are computed, most first. */
  readonly form?: string;
}

export interface BenchResult {
  readonly path: string;
  readonly tokens: number;
  readonly batchSize: number;
  readonly threads: number;
  readonly rounds: number;
  readonly runs: number;
  /** What was named first. */
  readonly contestants: readonly BenchLane[];
  /** Time of each opponent over that of what was named: over 1 it is the faster one. */
  readonly ratios: Readonly<Record<string, number>>;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
}

/** Times a model beside dense ones. Throws EspalierError where one of them does not compute what it should. */
export async function bench(input: z.input<typeof benchSchema>, control: RunControl): Promise<BenchResult> {
  const options = parseOptions(benchSchema, input, 'bench');
  const { model: path, form, against, threads, batchSize, rounds, warmup, runs } = options;
  const note = (message: string): void => control.onEvent({ type: 'note', message });
  const machine = machineNow();
  if (machine.busy) note(busyNote(machine));
  const model = await loadWithHead(checkpointBeside(path), options.base);
  const dense = options.dense === undefined ? undefined : await loadWithHead(options.dense);
  const batch = batchOf(dense ? [model, dense] : [model], options.tokens, batchSize);
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  try {
    const entry = { path, model, dense, against, batch, threads, form, folder, note };
    const contestants = await benchContestants(entry);
    const laps = await race(contestants, {
      ...{ batch, rounds, warmup, runs, note },
      stopRequested: control.stopRequested,
    });
    const { tokens } = batch;
    const settings = { path, tokens, batchSize, threads, rounds, runs };
    return { ...settings, ...resultsOf(contestants, laps), machine, versions: versions() };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function loadWithHead(source: string, base?: string): Promise<Model> {
  const model = await loadModel(source, base);
  if (hasTaskHead(model)) return model;
  throw new UsageError(`${source} has no task head; fine-tune it first`);
}

/** Sequences that all of the models take. */
function batchOf(models: readonly Model[], tokens: number | undefined, rows: number): BatchShape {
  const least = (value: (model: Model) => number): number => Math.min(...models.map(value));
  const longest = least(({ config }) => longestInput(config));
  if (tokens !== undefined && tokens > longest)
    throw new UsageError(
      `--tokens ${tokens} is beyond the model's ${longest} positions; give ${longest} or less`,
    );
  return {
    rows,
    tokens: tokens ?? Math.min(128, longest),
    vocabulary: least(({ config }) => config.vocab_size),
    types: least(({ config }) => Math.max(1, config.type_vocab_size)),
  };
}

function resultsOf(
  contestants: readonly [Entrant, ...Entrant[]],
  laps: Readonly<Record<string, Lap>>,
): Pick<BenchResult, 'contestants' | 'ratios'> {
  const [subject, ...opponents] = contestants;
  const { milliseconds } = laps[subject.name]!;
  return {
    contestants: contestants.map(({ name, layers }) => ({
      name,
      ...laps[name]!,
      ...(layers !== undefined && { form: layers }),
    })),
    ratios: Object.fromEntries(opponents.map(({ name }) => [name, laps[name]!.milliseconds / milliseconds])),
  };
}
