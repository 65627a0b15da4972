// espalier finetune: dense fine-tuning.
import type { Command } from 'commander';
import {
  addCommon,
  addData,
  addTraining,
  type DataFlags,
  type TrainingFlags,
  parsePairs,
  trainingOptions,
} from '../options.js';
import { printReport } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';
import { type ComputeFlags, computeOptions, dataOptions } from '../options.js';

interface Flags extends DataFlags, TrainingFlags, ComputeFlags, OutputFlags {
  readonly model: string;
  readonly out: string;
  readonly onnx?: true;
}

export function finetuneCommand(program: Command): void {
  const command = program
    .command('finetune')
    .description('fine-tune a model on a task, dense')
    .requiredOption('--model <dir>', 'directory in Hugging Face layout, or a Hub id')
    .requiredOption('--out <dir>', 'output directory')
    .option('--onnx', 'also write onnx/model.onnx and onnx/model_quantized.onnx');
  addCommon(addTraining(addData(command))).action(async (flags: Flags) => {
    const options = {
      ...dataOptions(flags),
      ...computeOptions(flags),
      ...trainingOptions(flags, parsePairs(flags.set)),
      model: flags.model,
      out: flags.out,
      onnx: flags.onnx ?? false,
    };
    printReport(await runJob('finetune', options, flags), flags.out, flags);
  });
}
