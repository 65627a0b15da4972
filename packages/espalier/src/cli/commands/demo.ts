// espalier demo: the main job on the built-in garden language.
import type { Command } from 'commander';
import type { DemoResult } from '../../jobs/demo.js';
import type { Report } from '../../report/report.js';
import { formatBytes, formatDuration, formatPercent } from '../../report/format.js';
import { renderTable } from '../../report/tables.js';
import { addCommon, type ComputeFlags, computeOptions, integer } from '../options.js';
import { printJson, printLine } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends ComputeFlags, OutputFlags {
  readonly out: string;
  readonly steps: number;
}

export function demoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'pre-train a tiny BERT on the built-in garden language, compress it in several ways, compare',
    )
    .option('--out <dir>', 'where the results go', 'espalier-demo')
    .option('--steps <n>', 'steps of each stage; the dense model 2.25 times as many', integer, 400);
  addCommon(command).action(async (flags: Flags) => {
    const result = await runJob(
      'demo',
      { ...computeOptions(flags), out: flags.out, steps: flags.steps },
      flags,
    );
    if (flags.json) return printJson(result);
    printDemo(result);
  });
}

function printDemo({ task, pretrained, pruned, dense, compressed, out, seconds }: DemoResult): void {
  const right = 'right' as const;
  const accuracy = dense.metrics.dense!.accuracy!;
  const rows = [
    [
      'dense',
      accuracy.toFixed(3),
      '',
      '0.0 %',
      formatBytes(dense.bytes.denseF32),
      '',
      formatDuration(dense.seconds),
    ],
    ...compressed.map(({ name, report: { metrics, sparsity, bytes, seconds: took } }) => [
      name,
      metrics.compressed!.accuracy!.toFixed(3),
      (metrics.compressed!.accuracy! - accuracy).toFixed(3),
      formatPercent(sparsity.encoder),
      formatBytes(bytes.packed!),
      metrics.packed!.accuracy!.toFixed(3),
      formatDuration(took),
    ]),
  ];
  const words = ({ metrics }: Report): string =>
    formatPercent((metrics.compressed ?? metrics.dense)!.mlmAccuracy!);
  printLine(
    `\nPre-training on stories of the garden: ${words(pretrained)} of the masked words found, and ` +
      `${words(pruned)} after pruning ${formatPercent(pruned.sparsity.encoder)} of the encoder and training on.`,
  );
  printLine(
    `\nThe garden task "${task}": does a sentence speak well of the garden? Always guessing one answer scores`,
  );
  printLine(
    `${dense.metrics.dense!.majority!.toFixed(3)}. All but the last start from the dense model and\ntrain on, so they may end above it; the last was pruned in pre-training and trained as many steps.\n\n`,
  );
  printLine(
    renderTable(
      [
        { title: 'model' },
        { title: 'accuracy', align: right },
        { title: 'change', align: right },
        { title: 'zeros in the encoder', align: right },
        { title: 'file', align: right },
        { title: 'its accuracy', align: right },
        { title: 'time', align: right },
      ],
      rows,
    ),
  );
  printLine(
    'file: of the dense model float32, of the others model.espalier, which the runtime opens and has scored.',
  );
  printLine(
    `\n${formatDuration(seconds)} in all. Every model lies in ${out}/, with report.md beside it. Next:`,
  );
  printLine(`  npx espalier predict ${out}/rpp-80/model.espalier --text "The roses were not lovely."`);
  printLine(`  npx espalier inspect ${out}/rpp-80/model.espalier`);
}
