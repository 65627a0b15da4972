// espalier compare: methods, sparsities, tasks and seeds in one table under equal conditions.
import { type Command, InvalidArgumentError } from 'commander';
import { defined } from '../../defined.js';
import { EspalierError, UsageError } from '../../errors.js';
import { comparisonNotes, comparisonTable, failedLine, frontTable } from '../../report/comparison-tables.js';
import { renderTable } from '../../report/tables.js';
import {
  addCommon,
  addTraining,
  type ComputeFlags,
  computeOptions,
  type DataFlags,
  fraction,
  integer,
  type TrainingFlags,
  trainingOptions,
} from '../options.js';
import { printJson, printLine } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends Omit<DataFlags, 'task'>, TrainingFlags, ComputeFlags, OutputFlags {
  readonly model: string[];
  readonly task: string[];
  readonly recipes: string[];
  readonly sparsity: number[];
  readonly seeds: number;
  readonly onnx?: true;
  readonly pack: boolean;
  readonly keepModels?: true;
  readonly out: string;
}

function list(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.includes('')) throw new InvalidArgumentError('expected values with a comma between.');
  if (new Set(parts).size < parts.length) throw new InvalidArgumentError('expected every value once.');
  return parts;
}

export function compareCommand(program: Command): void {
  const command = program
    .command('compare')
    .description('a grid of models, recipes, sparsities, tasks and seeds, as one table')
    .requiredOption('--model <a,b>', 'directories in Hugging Face layout, or Hub ids', list)
    .requiredOption('--task <a,b>', 'task names (see "espalier finetune --help")', list)
    .requiredOption('--data <dir>', "a root with the official folder names, or the only task's folder")
    .requiredOption('--recipes <x,y>', 'names (see "espalier methods") or YAML or JSON files', list)
    .requiredOption('--out <dir>', 'output directory: compare.md, compare.json and a folder for every cell')
    .option('--sparsity <s1,s2>', 'for the recipes that take one', (text) => list(text).map(fraction), [0.8])
    .option('--seeds <n>', 'how many seeds, from --seed on', integer, 3)
    .option('--text-field <name>', 'column of the text in own files')
    .option('--pair-field <name>', 'column of the second text')
    .option('--label-field <name>', 'column of the label')
    .option('--onnx', 'also make and score an int8 file in every cell')
    .option('--no-pack', 'leave the packed file out of every cell')
    .option('--keep-models', 'leave the model of every cell in its folder');
  addCommon(addTraining(command)).action(async (flags: Flags) => {
    const { data, textField, pairField, labelField } = flags;
    const { recipesOf } = await import('../recipe-flags.js');
    const { recipes, rest } = await recipesOf(flags.recipes, flags.set);
    const { evalEvery, keepCheckpoints, ...training } = trainingOptions(flags, rest);
    if (evalEvery !== undefined || keepCheckpoints === true)
      throw new UsageError('compare takes neither --eval-every nor --keep-checkpoints: leave them out');
    const options = {
      ...{
        ...defined({ data, textField, pairField, labelField }),
        ...computeOptions(flags),
        ...training,
      },
      ...defined({ onnx: flags.onnx, pack: flags.pack, keepModels: flags.keepModels }),
      ...{ models: flags.model, tasks: flags.task, recipes, sparsities: flags.sparsity },
      ...{ seeds: flags.seeds, out: flags.out },
    };
    const result = await runJob('compare', options, flags);
    if (flags.json) printJson(result);
    else {
      const { columns, rows } = comparisonTable(result);
      printLine(`\n${renderTable(columns, rows)}`);
      for (const note of comparisonNotes(result)) printLine(note);
      for (const { name } of result.tasks) {
        const front = frontTable(result, name);
        printLine(`\n${renderTable(front.columns, front.rows)}`);
      }
      for (const cell of result.failed) printLine(failedLine(cell));
      printLine(`written to ${flags.out}`);
    }
    if (result.failed.length === 0) return;
    const [count, all] = [result.failed.length, result.failed.length + result.cells.length];
    throw new EspalierError(
      `${count} of ${all} cells failed, the first with: ${result.failed[0]!.error}; --resume tries them again`,
    );
  });
}
