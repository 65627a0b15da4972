// espalier export: the other formats.
import { type Command, Option } from 'commander';
import {
  addCommon,
  addData,
  addPack,
  type ComputeFlags,
  computeOptions,
  type DataFlags,
  dataOptions,
  type PackFlags,
  packOptions,
} from '../options.js';
import { formatPercent } from '../../report/format.js';
import { packTable } from '../../report/pack-size.js';
import { printJson, printLine, runtimeLine } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends Partial<DataFlags>, ComputeFlags, PackFlags, OutputFlags {
  readonly to: 'hf' | 'onnx' | 'onnx-int8' | 'pack';
  readonly int8?: 'dynamic' | 'static';
  readonly base?: string;
  readonly out: string;
  readonly overwrite?: true;
}

export function exportCommand(program: Command): void {
  const command = program
    .command('export')
    .description('write another format, checked against the model before it is kept')
    .argument('<dir>', 'directory in Hugging Face layout, or a Hub id')
    .addOption(
      new Option(
        '--to <format>',
        'hf: directory; onnx: float32 file; onnx-int8: int8 file; pack: packed file',
      )
        .choices(['hf', 'onnx', 'onnx-int8', 'pack'])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--int8 <how>',
        'post-training int8 instead of the scales of training (default for a model without: dynamic)',
      ).choices(['dynamic', 'static']),
    )
    .requiredOption('--out <path>', 'directory (hf) or file (onnx, onnx-int8; .espalier for pack)')
    .option('--base <dir>', 'base model of an adapter, where it is not where it was')
    .option('--overwrite', 'replace what is there');
  addCommon(addPack(addData(command, false))).action(async (dir: string, flags: Flags) => {
    const { to, int8, base, out, overwrite = false } = flags;
    const options = {
      ...dataOptions(flags),
      ...computeOptions(flags),
      model: dir,
      base,
      to,
      int8,
      ...packOptions(flags),
      out,
      overwrite,
    };
    const result = await runJob('export', options, flags);
    if (flags.json) return printJson(result);
    const difference = result.largestDifference?.toExponential(1);
    printLine(
      `${out}: ${difference === undefined ? 'written' : `largest difference of a logit ${difference}`}`,
    );
    if (result.agreement !== undefined) {
      printLine(`${formatPercent(result.agreement)} of ${result.examples!} examples decided alike`);
    }
    if (result.runtime) printLine(runtimeLine(result.runtime));
    if (result.size) printLine(`\n${packTable(result.size)}`);
    for (const [name, value] of Object.entries(result.metrics ?? {}))
      printLine(`  ${name.padEnd(10)} ${value.toFixed(4)}`);
  });
}
