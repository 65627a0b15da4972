// The command line: one file per command, errors in one or two lines, exit status 0, 1 or 2.
import { Command, CommanderError } from 'commander';
import { EspalierError } from '../errors.js';
import { version } from '../versions.js';
import { benchCommand } from './commands/bench.js';
import { compareCommand } from './commands/compare.js';
import { compressCommand } from './commands/compress.js';
import { demoCommand } from './commands/demo.js';
import { evaluateCommand } from './commands/evaluate.js';
import { exportCommand } from './commands/export.js';
import { finetuneCommand } from './commands/finetune.js';
import { inspectCommand } from './commands/inspect.js';
import { methodsCommand } from './commands/methods.js';
import { pretrainCommand } from './commands/pretrain.js';
import { predictCommand } from './commands/predict.js';

/** Every command, in the order of the help. */
const COMMANDS = [
  demoCommand,
  pretrainCommand,
  finetuneCommand,
  compressCommand,
  evaluateCommand,
  predictCommand,
  exportCommand,
  inspectCommand,
  benchCommand,
  compareCommand,
  methodsCommand,
];

/** Runs the command line; returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  // A reader that leaves early, such as head, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
  const program = new Command('espalier')
    .description('Prune, lock, distil and export BERT-family encoders.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'espalier: ')) })
    .showHelpAfterError('see "espalier --help"');
  for (const add of COMMANDS) add(program);
  for (const command of program.commands)
    command.showHelpAfterError(`see "espalier ${command.name()} --help"`);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    const debug = args.includes('--debug') || !(error instanceof EspalierError);
    process.stderr.write(`espalier: ${debug ? (stack ?? message) : message}\n`);
    return exitStatusOf(error);
  }
}

/** Errors that crossed the worker's border keep their status as a property. */
function exitStatusOf(error: unknown): number {
  if (error instanceof Error && 'exitStatus' in error && typeof error.exitStatus === 'number')
    return error.exitStatus;
  return 1;
}
