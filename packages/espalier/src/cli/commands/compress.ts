// espalier compress: the main job.
import type { Command } from 'commander';
import { GateFailure } from '../../errors.js';
import {
  addCommon,
  addData,
  addPack,
  addTraining,
  type ComputeFlags,
  computeOptions,
  type DataFlags,
  dataOptions,
  fraction,
  number,
  type PackFlags,
  packOptions,
  type TrainingFlags,
  trainingOptions,
} from '../options.js';
import { printReport } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends DataFlags, TrainingFlags, ComputeFlags, PackFlags, OutputFlags {
  readonly model: string;
  readonly recipe: string;
  readonly sparsity?: number;
  readonly teacher?: string;
  readonly dense?: string;
  readonly merge?: true;
  readonly onnx?: true;
  readonly pack: boolean;
  readonly maxDrop?: number;
  readonly search?: true;
  readonly out: string;
}

export function compressCommand(program: Command): void {
  const command = program
    .command('compress')
    .description('compress a model on a task: model in, recipe, model and report out')
    .requiredOption('--model <dir>', 'directory in Hugging Face layout, or a Hub id')
    .requiredOption('--recipe <name|file>', 'a name (see "espalier methods") or a YAML or JSON file')
    .requiredOption('--out <dir>', 'output directory')
    .option(
      '--sparsity <s>',
      'fraction of zeros; of layers for drop-*, of heads and neurons for structured',
      fraction,
    )
    .option('--teacher <dir>', 'dense model of the task to distil from')
    .option('--dense <dir>', 'dense model of the task to compare with; without it one is fine-tuned first')
    .option('--merge', 'write a whole model where the recipe leaves an adapter (head=stock)')
    .option('--onnx', 'also write onnx/model.onnx and onnx/model_quantized.onnx')
    .option('--no-pack', 'leave out the packed file, model.espalier')
    .option(
      '--max-drop <points>',
      'fail where the packed file (without one, the model) scores more points below the dense model',
      number,
    )
    .option('--search', 'structured: try every schedule, keep the best on a split cut from train');
  addCommon(addPack(addTraining(addData(command)))).action(async (flags: Flags) => {
    const { recipeOf } = await import('../recipe-flags.js');
    const { recipe, rest } = await recipeOf(flags.recipe, flags);
    const options = {
      ...dataOptions(flags),
      ...computeOptions(flags),
      ...trainingOptions(flags, rest),
      recipe,
      model: flags.model,
      teacher: flags.teacher,
      dense: flags.dense,
      merge: flags.merge ?? false,
      onnx: flags.onnx ?? false,
      pack: flags.pack,
      maxDrop: flags.maxDrop,
      ...packOptions(flags),
      search: flags.search ?? false,
      out: flags.out,
    };
    const report = await runJob('compress', options, flags).catch((error: unknown) => {
      if (error instanceof GateFailure && !flags.json) printReport(error.report, flags.out, flags);
      throw error;
    });
    printReport(report, flags.out, flags);
  });
}
