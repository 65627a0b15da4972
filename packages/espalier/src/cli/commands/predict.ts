// espalier predict: one prediction.
import type { Command } from 'commander';
import {
  addCommon,
  addForm,
  type ComputeFlags,
  computeOptions,
  type FormFlags,
  integer,
} from '../options.js';
import { printJson, printLine, runtimeLine } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends ComputeFlags, FormFlags, OutputFlags {
  readonly text: string;
  readonly pair?: string;
  readonly base?: string;
  readonly maxLength?: number;
}

export function predictCommand(program: Command): void {
  const command = program
    .command('predict')
    .description('one prediction, with probabilities, or the answer to a question')
    .argument('<dir>', 'directory in Hugging Face layout or of an adapter, Hub id, .onnx or .espalier file')
    .requiredOption('--text <text>', 'the text, or the question')
    .option('--pair <text>', 'the second text of a pair, or the context of the question')
    .option('--base <dir>', 'base model of an adapter, where it is not where it was')
    .option('--max-length <n>', 'tokens, special tokens included (default 128, of questions 384)', integer);
  addCommon(addForm(command)).action(async (dir: string, flags: Flags) => {
    const { text, pair, base, form, maxLength } = flags;
    const result = await runJob(
      'predict',
      { ...computeOptions(flags), model: dir, base, form, text, pair, maxLength },
      flags,
    );
    if (flags.json) return printJson(result);
    printLine(result.label);
    if (result.span) printLine(`  characters ${result.span.start} to ${result.span.end}`);
    for (const [label, value] of Object.entries(result.scores)) printLine(`  ${label}  ${value.toFixed(4)}`);
    if (result.runtime) printLine(runtimeLine(result.runtime));
  });
}
