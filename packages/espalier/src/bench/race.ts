// Latency side by side: every contestant in a fresh process each round, in turn, so that a machine that slows down or
// warms up does so for all of them. Medians over rounds of medians over runs. None is timed that computes something else.
import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { EspalierError, Interrupted } from '../errors.js';
import type { Model } from '../models/model.js';
import { createPredictor } from '../train/predictor.js';
import { median } from '../train/statistics.js';
import { checkAgreement, type Rounding } from './agreement.js';
import { type BatchShape, type Reply, replySchema, type Request, sequencesOf } from './message.js';

/** Compiled, whether this file is or not. */
const program = (name: string): string =>
  fileURLToPath(new URL(`../../dist/bench/${name}.js`, import.meta.url));

export const RUN_ONNX = program('run-onnx');
export const RUN_PACKED = program('run-packed');

export interface Contestant {
  readonly name: string;
  /** What runs it, and flags of Node. */
  readonly program: string;
  readonly flags?: readonly string[];
  readonly request: Pick<Request, 'file' | 'threads' | 'form' | 'levels'>;
  /** Of the sequences of `CHECKED` and more rows. */
  readonly expected: readonly ArrayLike<number>[];
  readonly rounding: Rounding;
}

export interface Lap {
  /** Median over the rounds, the fastest and the slowest of them. */
  readonly milliseconds: number;
  readonly least: number;
  readonly most: number;
  /** Milliseconds to open the file. */
  readonly opening: number;
  /** Of its process. */
  readonly peakBytes: number;
  /** Of its file. */
  readonly bytes: number;
  /** Of its logits from the float model's, relative (L2). */
  readonly distance: number;
  readonly levels?: Readonly<Record<string, string>>;
}

export interface RaceOptions {
  readonly batch: BatchShape;
  readonly rounds: number;
  readonly warmup: number;
  readonly runs: number;
  readonly note: (message: string) => void;
  readonly stopRequested: () => boolean;
}

/** Sequences whose logits are compared before anything is timed. */
const CHECKED = 8;

const checkBatch = (batch: BatchShape): BatchShape => ({ ...batch, rows: Math.max(CHECKED, batch.rows) });

/** What contestants made of the model are to compute, by the toolkit's own forward pass. */
export async function expectedLogits(
  model: Model,
  batch: BatchShape,
  threads: number,
): Promise<Float32Array[]> {
  const predictor = createPredictor({ model, threads, device: 'cpu', padId: 0, rows: CHECKED });
  const logits = await predictor.logits(sequencesOf(checkBatch(batch)));
  await predictor.release();
  return logits;
}

/** Compares all contestants, then times them. Throws EspalierError naming one that fails or computes something else. */
export async function race(
  contestants: readonly Contestant[],
  { batch, rounds, warmup, runs, note, stopRequested }: RaceOptions,
): Promise<Record<string, Lap>> {
  const distances = new Map<string, number>();
  const replies = new Map(contestants.map(({ name }) => [name, [] as Reply[]]));
  const ask = async (of: Contestant, request: Omit<Request, 'file' | 'threads'>): Promise<Reply> => {
    if (stopRequested()) throw new Interrupted(false);
    return start(of, { ...of.request, ...request });
  };
  for (const of of contestants) {
    const { logits } = await ask(of, { batch: checkBatch(batch), warmup: 0, runs: 0 });
    distances.set(of.name, checkAgreement(of.name, logits, of.expected, of.rounding));
  }
  note(`${contestants.map(({ name }) => name).join(', ')}: logits compared`);
  for (let round = 1; round <= rounds; round++) {
    for (const of of contestants) replies.get(of.name)!.push(await ask(of, { batch, warmup, runs }));
    note(`round ${round} of ${rounds}`);
  }
  return Object.fromEntries(
    contestants.map(({ name, request }) => {
      const summary = summaryOf(replies.get(name)!);
      return [name, { ...summary, bytes: statSync(request.file).size, distance: distances.get(name)! }];
    }),
  );
}

function summaryOf(replies: readonly Reply[]): Omit<Lap, 'bytes' | 'distance'> {
  const times = replies.map(({ milliseconds }) => median(milliseconds));
  const { levels } = replies[0]!;
  return {
    milliseconds: median(times),
    least: Math.min(...times),
    most: Math.max(...times),
    opening: median(replies.map(({ opening }) => opening)),
    peakBytes: Math.max(...replies.map(({ peakBytes }) => peakBytes)),
    ...(levels && { levels }),
  };
}

const replyLine = z.string().transform((text) => JSON.parse(text.trim().split('\n').at(-1) ?? '') as unknown);

/** Asks a contestant in a process of its own. */
function start({ name, program, flags = [] }: Contestant, request: Request): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const args = [...flags, program, JSON.stringify(request)];
    const options = { maxBuffer: 2 ** 28, env: { ORT_DISABLE_TELEMETRY: '1', ...process.env } };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      if (!error) resolve(replyLine.pipe(replySchema).parse(stdout));
      // Ctrl-C reaches the whole group of processes.
      else if (error.signal === 'SIGINT' || error.signal === 'SIGTERM') reject(new Interrupted(false));
      else {
        const reason = stderr.trim().split('\n').at(-1) ?? '';
        reject(new EspalierError(`${name} cannot run: ${reason === '' ? error.message : reason}`));
      }
    });
  });
}
