// Options that several commands share, and their translation into job options.
import { Command, InvalidArgumentError, Option } from 'commander';
import { STRIDES } from '../data/squad/windows.js';
import { defined } from '../defined.js';
import { UsageError } from '../errors.js';
import { FORMS, PACK_EMBEDDINGS, PACK_VALUES, type PackForm } from '../export/pack-choices.js';
import { isSetting } from '../train/setting-names.js';

export function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}

export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('expected a number.');
  return value;
}

/** A fraction in 0..1, both ends excluded. */
export function fraction(text: string): number {
  const value = number(text);
  if (!(value > 0 && value < 1))
    throw new InvalidArgumentError('expected a number between 0 and 1, both ends excluded.');
  return value;
}

/** A fraction in 0..1, both ends included. */
export function part(text: string): number {
  const value = number(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('expected a fraction from 0 to 1, such as 0.995 for 99.5 %.');
}

const collect = (text: string, before: readonly string[] = []): string[] => [...before, text];

const everywhere = (): Option[] => [
  new Option('--seed <n>', 'seed of everything random').argParser(integer).default(0),
  new Option('--threads <n>', 'threads of ONNX Runtime').argParser(integer).default(2),
  new Option('--device <name>', 'where sessions run')
    .choices(['cpu', 'webgpu', 'cuda', 'auto'])
    .default('cpu'),
];

/**
 * --json, --quiet, --debug, --seed, --threads, --device. A command that computes nothing takes the last three from scripts that
 * give them to every command, and has no use for them.
 */
export function addCommon(
  command: Command,
  { compute = true }: { readonly compute?: boolean } = {},
): Command {
  const own = command.options.map(({ long }) => long);
  for (const option of everywhere())
    if (!own.includes(option.long)) command.addOption(option.hideHelp(!compute));
  return command
    .option('--json', 'one JSON object on stdout, everything else on stderr')
    .option('--quiet', 'no progress; warnings only')
    .option('--debug', 'stack traces with errors');
}

/** --task, --data and the field names of own files. */
export function addData(command: Command, required = true): Command {
  const option = (flags: string, text: string): Option =>
    new Option(flags, text).makeOptionMandatory(required);
  return command
    .addOption(
      option(
        '--task <name>',
        'task: sst2 cola mrpc stsb qqp mnli qnli rte wnli squad, or classify regress pairs for own files',
      ),
    )
    .addOption(option('--data <dir>', "the task's folder, or a root with the official folder names"))
    .option('--text-field <name>', 'column of the text in own files')
    .option('--pair-field <name>', 'column of the second text')
    .option('--label-field <name>', 'column of the label')
    .option('--doc-stride <n>', 'squad: tokens between windows (default 128)', integer)
    .addOption(
      new Option('--stride <reading>', 'squad: what --doc-stride counts (default advance)').choices(STRIDES),
    );
}

/** Training options. Those of `finetune` choose among examples, of which pre-training has no need. */
export function addTraining(command: Command, job: 'finetune' | 'pretrain' = 'finetune'): Command {
  const [rate, warmup] = job === 'finetune' ? ['5e-5', '0.1'] : ['1e-4', '0.01'];
  if (job === 'finetune') {
    command
      .option('--limit <n>', 'first N training examples after the seeded shuffle', integer)
      .addOption(
        new Option('--select <which>', 'weights to keep; best is chosen on a split cut from train')
          .choices(['last', 'best'])
          .default('last'),
      );
  }
  return command
    .option('--epochs <n>', 'passes over the training examples (default 3)', number)
    .option('--steps <n>', 'optimiser steps of the whole run; wins over --epochs', integer)
    .option('--batch-size <n>', 'examples per step (default 32)', integer)
    .option('--micro-batch-size <n>', 'examples per pass; gradients accumulate up to the batch', integer)
    .option('--lr <rate>', `peak learning rate (default ${rate})`, number)
    .option('--warmup <fraction>', `part of the steps spent warming up (default ${warmup})`, number)
    .option(
      '--max-length <n>',
      `tokens per example (default 128${job === 'finetune' ? ', squad 384' : ''})`,
      integer,
    )
    .option('--eval-every <n>', 'evaluate on dev every N steps', integer)
    .option('--checkpoint-every <n>', 'steps between checkpoints', integer, 200)
    .option('--set <key=value>', 'an option of a method, or a training setting; may be repeated', collect)
    .addOption(
      new Option(
        '--profile <name>',
        'quick: 300 steps of 16 examples of 64 tokens, unless said otherwise',
      ).choices(['quick']),
    )
    .option('--resume', 'continue the run in --out')
    .option('--overwrite', 'replace the run in --out')
    .option('--keep-checkpoints', 'leave checkpoints in place at the end');
}

export interface DataFlags {
  readonly task: string;
  readonly data: string;
  readonly textField?: string;
  readonly pairField?: string;
  readonly labelField?: string;
  readonly docStride?: number;
  readonly stride?: (typeof STRIDES)[number];
}

export interface TrainingFlags {
  readonly epochs?: number;
  readonly steps?: number;
  readonly batchSize?: number;
  readonly microBatchSize?: number;
  readonly lr?: number;
  readonly warmup?: number;
  readonly maxLength?: number;
  readonly limit?: number;
  readonly evalEvery?: number;
  readonly checkpointEvery: number;
  readonly select?: 'last' | 'best';
  readonly set?: readonly string[];
  readonly profile?: 'quick';
  readonly resume?: true;
  readonly overwrite?: true;
  readonly keepCheckpoints?: true;
}

const QUICK = { steps: 300, batchSize: 16, maxLength: 64 } as const;
const SETTINGS = ['epochs', 'steps', 'batchSize', 'microBatchSize', 'lr', 'warmup', 'maxLength'] as const;

/** `--set` pairs with parsed values: numbers and booleans are recognised, anything else is text. */
export function parsePairs(pairs: readonly string[] = []): [key: string, value: unknown][] {
  return pairs.map((pair) => {
    const [key, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    if (!pair.includes('=') || key === '') throw new UsageError(`--set ${pair}: expected key=value`);
    if (value === 'true' || value === 'false') return [key, value === 'true'];
    return [key, value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value];
  });
}

/** Job options of the training flags; `settings` holds what differs from the defaults. */
export function trainingOptions(
  flags: TrainingFlags,
  pairs: readonly (readonly [string, unknown])[],
): Record<string, unknown> {
  const settings: Record<string, unknown> = flags.profile === 'quick' ? { ...QUICK } : {};
  if (flags.epochs !== undefined) delete settings['steps']; // which would win
  for (const key of SETTINGS) if (flags[key] !== undefined) settings[key] = flags[key];
  for (const [key, value] of pairs) {
    if (isSetting(key)) settings[key] = value;
    else throw new UsageError(`--set ${key}: neither an option of a method here nor a training setting`);
  }
  return {
    settings,
    limit: flags.limit,
    evalEvery: flags.evalEvery,
    checkpointEvery: flags.checkpointEvery,
    select: flags.select,
    resume: flags.resume ?? false,
    overwrite: flags.overwrite ?? false,
    keepCheckpoints: flags.keepCheckpoints ?? false,
  };
}

export interface ComputeFlags {
  readonly seed: number;
  readonly threads: number;
  readonly device: string;
}

export const computeOptions = ({ seed, threads, device }: ComputeFlags): ComputeFlags => ({
  seed,
  threads,
  device,
});

export const dataOptions = ({
  task,
  data,
  textField,
  pairField,
  labelField,
  docStride,
  stride,
}: Partial<DataFlags>): Partial<DataFlags> =>
  defined({ task, data, textField, pairField, labelField, docStride, stride });

export interface PackFlags {
  readonly values?: PackForm['values'];
  readonly embeddings?: PackForm['embeddings'];
  readonly gate?: number;
  readonly keep?: true;
}

/** How a packed file is written. */
export function addPack(command: Command): Command {
  return command
    .addOption(
      new Option('--values <kind>', 'packed file: values of encoder matrices (default int8)').choices(
        PACK_VALUES,
      ),
    )
    .addOption(
      new Option('--embeddings <kind>', 'packed file: word embeddings (default int8)').choices(
        PACK_EMBEDDINGS,
      ),
    )
    .option(
      '--gate <fraction>',
      'packed file: of the dev examples, those it must decide as float32 does (default 0.995; 0.97 for codebook and 4bit)',
      part,
    )
    .option('--keep', 'packed file: keep one that fails its gate; the exit status is 1 all the same');
}

export const packOptions = ({ values, embeddings, gate, keep }: PackFlags): PackFlags =>
  defined({ values, embeddings, gate, keep });

/** --form, of commands that run a packed file. */
export const addForm = (command: Command): Command =>
  command.addOption(
    new Option('--form <form>', 'packed file: in what its layers are computed')
      .choices(Object.values(FORMS))
      .default('auto'),
  );

export interface FormFlags {
  readonly form: string;
}
