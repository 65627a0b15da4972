// espalier evaluate: metrics on the dev split.
import type { Command } from 'commander';
import {
  addCommon,
  addData,
  addForm,
  type ComputeFlags,
  computeOptions,
  type DataFlags,
  dataOptions,
  type FormFlags,
  integer,
} from '../options.js';
import { printJson, printLine, runtimeLine } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends DataFlags, ComputeFlags, FormFlags, OutputFlags {
  readonly base?: string;
  readonly maxLength?: number;
  readonly predictions?: string;
}

export function evaluateCommand(program: Command): void {
  const command = program
    .command('evaluate')
    .description('metrics of a model, ONNX or packed file on the dev split of a task')
    .argument('<path>', 'directory in Hugging Face layout or of an adapter, Hub id, .onnx or .espalier file')
    .option('--base <dir>', 'base model of an adapter, where it is not where it was')
    .option('--max-length <n>', 'tokens per example (default 128, squad 384)', integer)
    .option('--predictions <file>', 'squad: write the answers here, as the official script reads them');
  addCommon(addForm(addData(command))).action(async (path: string, flags: Flags) => {
    const options = {
      ...dataOptions(flags),
      ...computeOptions(flags),
      model: path,
      base: flags.base,
      form: flags.form,
      maxLength: flags.maxLength,
      predictions: flags.predictions,
    };
    const result = await runJob('evaluate', options, flags);
    if (flags.json) return printJson(result);
    printLine(`${result.task}, ${result.rows} dev examples`);
    if (result.runtime) printLine(runtimeLine(result.runtime));
    for (const [name, value] of Object.entries(result.metrics))
      printLine(`  ${name.padEnd(10)} ${value.toFixed(4)}`);
  });
}
