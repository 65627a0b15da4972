// The command line as a child process, and a tiny project for it: model, tasks, files.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { saveCheckpoint } from '../../src/models/checkpoint.js';
import { randomBert } from '../../src/models/initialise.js';

const binary = fileURLToPath(new URL('../../bin/espalier.js', import.meta.url));

export interface Outcome {
  /** Null when a signal ended the process. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

/** Starts the command line; `cwd` is where its relative paths begin. */
export function start(
  cwd: string,
  args: readonly string[],
  node: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): Running {
  const child = spawn(process.execPath, [...node, binary, ...args], { cwd, env });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
  const outcome = new Promise<Outcome>((resolve) =>
    child.on('close', (status) => resolve({ status, ...text })),
  );
  return { child, outcome };
}

/** Runs the command line to its end. */
export const espalier = (cwd: string, ...args: string[]): Promise<Outcome> => start(cwd, args).outcome;

/** Runs `espalier ... --json` and returns the object; throws when it fails or prints anything else on stdout. */
export async function espalierJson(cwd: string, ...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await espalier(cwd, ...args, '--json');
  if (status !== 0) throw new Error(`espalier ${args.join(' ')} ended with ${String(status)}: ${stderr}`);
  const lines = stdout.split('\n');
  if (lines.length !== 2 || lines[1] !== '') throw new Error(`expected one line on stdout, found: ${stdout}`);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

export const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

export const words = [
  ...[
    '[PAD]',
    '[UNK]',
    '[CLS]',
    '[SEP]',
    '[MASK]',
    'the',
    'pears',
    'were',
    'sweet',
    'sour',
    'very',
    'not',
    '.',
  ],
];

export const tinyBert = {
  model_type: 'bert',
  vocab_size: words.length,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 32,
  max_position_embeddings: 24,
  initializer_range: 0.2,
};

/** Row i of the tasks: texts of two to seven words, a class, a score. */
export function row(i: number): { text: string; pair: string; label: string; score: number } {
  const taste = i % 2 === 0 ? 'sweet' : 'sour';
  const very = 'very '.repeat(i % 5);
  return { text: `the pears were ${very}${taste}`, pair: `not ${taste} .`, label: taste, score: i % 2 };
}

/** Writes `base` (a model without a head) and the tasks `classify`, `pairs`, `regress` under `folder`. */
export async function writeProject(folder: string): Promise<void> {
  const vocabulary = new TextEncoder().encode(`${words.join('\n')}\n`);
  await saveCheckpoint(join(folder, 'base'), randomBert(tinyBert, 0, new Map([['vocab.txt', vocabulary]])));
  for (const task of ['classify', 'pairs', 'regress']) mkdirSync(join(folder, task));
  for (const [split, count] of [
    ['train', 40],
    ['dev', 20],
  ] as const) {
    const rows = Array.from({ length: count }, (_, i) => row(i));
    const table = ['text\tlabel', ...rows.map(({ text, label }) => `${text}\t${label}`)];
    writeFileSync(join(folder, 'classify', `${split}.tsv`), `${table.join('\n')}\n`);
    const lines = rows.map(({ text, pair, label }) => JSON.stringify({ text, pair, label }));
    writeFileSync(join(folder, 'pairs', `${split}.jsonl`), `${lines.join('\n')}\n`);
    const records = ['sentence,value', ...rows.map(({ text, score }) => `"${text}",${String(score)}`)];
    writeFileSync(join(folder, 'regress', `${split}.csv`), `${records.join('\n')}\n`);
  }
}

/** Flags of a short training on the `classify` task. */
export const classify = [
  ...[
    '--model',
    'base',
    '--task',
    'classify',
    '--data',
    'classify',
    '--batch-size',
    '8',
    '--max-length',
    '16',
  ],
  ...['--lr', '5e-3', '--threads', '1'],
];

export interface SmallDisk {
  resize(size: string): void;
  unmount(): void;
}

/** A file system of `size` (a mount option of tmpfs) at `path`, or undefined where it may not be mounted. */
export function smallDisk(path: string, size: string): SmallDisk | undefined {
  if (!existsSync(path)) mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return {
    resize: (next) => void execFileSync('mount', ['-o', `remount,size=${next}`, path]),
    unmount: () => void execFileSync('umount', [path]),
  };
}
