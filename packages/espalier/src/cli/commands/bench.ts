// espalier bench: latency side by side on this machine.
import { type Command, InvalidArgumentError } from 'commander';
import { busyNote } from '../../bench/machine.js';
import { OPPONENTS } from '../../bench/opponents.js';
import { defined } from '../../defined.js';
import type { BenchResult } from '../../jobs/bench.js';
import { formatBytes } from '../../report/format.js';
import { renderTable } from '../../report/tables.js';
import { addCommon, addForm, type FormFlags, integer } from '../options.js';
import { printJson, printLine } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends FormFlags, OutputFlags {
  readonly against?: string[];
  readonly dense?: string;
  readonly base?: string;
  readonly tokens?: number;
  readonly batchSize?: number;
  readonly threads?: number;
  readonly rounds?: number;
  readonly runs?: number;
}

/** Names of opponents, or `none`. */
function opponents(text: string): string[] {
  if (text === 'none') return [];
  const names = text.split(',');
  const known: readonly string[] = OPPONENTS;
  if (names.every((name) => known.includes(name))) return names;
  throw new InvalidArgumentError(`expected none, or some of ${OPPONENTS.join(',')}.`);
}

export function benchCommand(program: Command): void {
  const command = program
    .command('bench')
    .description('latency beside dense models in ONNX Runtime, on this machine')
    .argument('<path>', 'directory in Hugging Face layout, Hub id, .onnx file beside one, or .espalier file')
    .option('--against <names>', `${OPPONENTS.join(',')} (default both), or none`, opponents)
    .option('--dense <dir>', 'the model before compression (default: the same weights, which are as fast)')
    .option('--base <dir>', 'base model of an adapter, where it is not where it was')
    .option('--tokens <n>', 'tokens of every sequence (default 128)', integer)
    .option('--batch-size <n>', 'sequences in a batch (default 1)', integer)
    .option('--threads <n>', 'threads of each contestant (default 1)', integer)
    .option('--rounds <n>', 'fresh processes of each contestant, in turn (default 5)', integer)
    .option('--runs <n>', 'timed runs in each process (default 20)', integer);
  addCommon(addForm(command), { compute: false }).action(async (path: string, flags: Flags) => {
    const { against, dense, base, form, tokens, batchSize, threads, rounds, runs } = flags;
    const options = defined({ against, dense, base, form, tokens, batchSize, threads, rounds, runs });
    const result = await runJob('bench', { model: path, ...options }, flags);
    if (flags.json) return printJson(result);
    printBench(result);
  });
}

function printBench(result: BenchResult): void {
  const { path, batchSize, tokens, threads, rounds, runs, contestants, ratios, machine } = result;
  const right = 'right' as const;
  printLine(`${path}: ${batchSize} x ${tokens} tokens, threads ${threads}, ${machine.processor}`);
  printLine(`medians of ${rounds} rounds of ${runs} runs; random ids\n`);
  const titles = ['ms', 'fastest round', 'slowest', 'our speed', 'file', 'peak memory', 'opens in'];
  const rows = contestants.map((lane) => [
    lane.form ? `${lane.name} (${lane.form})` : lane.name,
    ...[lane.milliseconds, lane.least, lane.most].map((time) => time.toFixed(2)),
    ratios[lane.name] === undefined ? '' : `${ratios[lane.name]!.toFixed(2)}x`,
    ...[lane.bytes, lane.peakBytes].map(formatBytes),
    `${lane.opening.toFixed(0)} ms`,
  ]);
  const columns = [{ title: '' }, ...titles.map((title) => ({ title, align: right }))];
  printLine(renderTable(columns, rows));
  for (const { name, levels } of contestants)
    if (levels) printLine(`${name}: kernels ${[...new Set(Object.values(levels))].join(', ')}`);
  if (machine.busy) printLine(busyNote(machine));
}
