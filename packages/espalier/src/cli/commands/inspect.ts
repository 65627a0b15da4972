// espalier inspect: what a model consists of, where its zeros lie, how its embeddings moved.
import type { Command } from 'commander';
import { defined } from '../../defined.js';
import type { Inspection } from '../../jobs/inspect.js';
import { formatBytes, formatPercent } from '../../report/format.js';
import { packTable } from '../../report/pack-size.js';
import { topologyTable } from '../../report/markdown.js';
import { renderTable } from '../../report/tables.js';
import { sizeOf } from '../../tensor/tensor.js';
import { addCommon } from '../options.js';
import { printJson, printLine, runtimeLine } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends OutputFlags {
  readonly tensors?: true;
  readonly against?: string;
  readonly base?: string;
}

export function inspectCommand(program: Command): void {
  const command = program
    .command('inspect')
    .description('shapes, zeros by matrix and component, bytes by part')
    .argument('<path>', 'directory in Hugging Face layout, Hub id, .onnx or .espalier file')
    .option('--base <dir>', 'base model of an adapter, where it is not where it was')
    .option('--against <dir>', 'the model before: how many neighbours do the word embeddings share?')
    .option('--tensors', 'every tensor, not only the matrices of the encoder');
  addCommon(command, { compute: false }).action(async (path: string, flags: Flags) => {
    const { against, base } = flags;
    const job = { model: path, ...defined({ against, base }) };
    const result = await runJob('inspect', job, flags);
    if (flags.json) return printJson(result);
    if (result.format === 'onnx') {
      printLine(`${path}: ONNX, ${formatBytes(result.bytes)}`);
      printLine(`inputs ${result.inputs?.join(', ') ?? ''}; outputs ${result.outputs?.join(', ') ?? ''}`);
      return;
    }
    const { encoder, model } = result.sparsity!;
    const { total, layers } = result.parameters!;
    printLine(
      `${path}: ${result.family ?? ''}, ${layers} layers, ${total.toLocaleString('en')} parameters, ` +
        formatBytes(result.bytes),
    );
    printLine(
      `zeros: ${formatPercent(encoder)} of the encoder matrices, ${formatPercent(model)} of the model`,
    );
    const { heads, neurons } = result.structure!;
    printLine(`heads by block: ${heads.join(' ')}; feed-forward neurons by block: ${neurons.join(' ')}\n`);
    if (result.adapter) printAdapter(result.adapter);
    const right = 'right' as const;
    printLine(
      renderTable(
        [
          { title: 'component' },
          { title: 'parameters', align: right },
          { title: 'zeros', align: right },
          { title: 'bytes', align: right },
        ],
        result.components.map(({ component, parameters, zeros, bytes }) => [
          component,
          parameters.toLocaleString('en'),
          formatPercent(zeros / parameters),
          formatBytes(bytes),
        ]),
      ),
    );
    const shown = result.tensors.filter(
      ({ shape, name }) => flags.tensors ?? (shape.length >= 2 && name.includes('.layer.')),
    );
    printLine('');
    const blocks = new Map((result.blocks ?? []).map((found) => [found.name, found]));
    printLine(
      renderTable(
        [
          ...[{ title: 'tensor' }, { title: 'shape' }, { title: 'zeros', align: right }],
          ...(blocks.size > 0 ? [{ title: 'zero 1x4 blocks', align: right }] : []),
          ...(result.format === 'pack' ? [{ title: 'kind' }, { title: 'bytes', align: right }] : []),
        ],
        shown.map(({ name, shape, zeros, bytes, kind }) => {
          const found = blocks.get(name);
          const zeroBlocks = found ? [formatPercent(found.zeroBlocks)] : blocks.size > 0 ? [''] : [];
          const packed = kind === undefined ? [] : [kind, formatBytes(bytes)];
          return [name, shape.join(' x '), formatPercent(zeros / sizeOf(shape)), ...zeroBlocks, ...packed];
        }),
      ),
    );
    if (result.pack) printPack(result.pack);
    printPatterns(result);
  });
}

function printAdapter(adapter: NonNullable<Inspection['adapter']>): void {
  const { method, task, base, baseHash, sparsity, weights } = adapter;
  const { columns, rows } = topologyTable(adapter);
  printLine(`adapter by ${method} for ${task} over ${base} (SHA-256 ${baseHash.slice(0, 16)}...)`);
  printLine(`pruned: ${formatPercent(sparsity)} of ${weights.toLocaleString('en')} masked weights\n`);
  printLine(renderTable(columns, rows));
}

function printPack({ size, runtime, refused }: NonNullable<Inspection['pack']>): void {
  printLine(`\n${packTable(size)}`);
  printLine(runtime ? runtimeLine(runtime) : `the runtime does not compute it: ${refused!}`);
}

function printPatterns({ patterns, against }: Inspection): void {
  if (patterns) {
    printLine('\ndensities of query and key: variance over that of a random mask (1: no structure)');
    printLine('a row is an output unit, a column an input unit: weights are [out, in]\n');
    const titles = ['density', 'rows', 'columns', 'columns / rows'];
    printLine(
      renderTable(
        [{ title: 'tensor' }, ...titles.map((title) => ({ title, align: 'right' as const }))],
        patterns.map(({ name, density, rowRatio, columnRatio, columnOverRow }) => [
          name,
          formatPercent(density),
          ...[rowRatio, columnRatio, columnOverRow].map((ratio) => ratio.toFixed(2)),
        ]),
      ),
    );
  }
  if (against) {
    const { path, overlap, neighbours, pieces } = against;
    printLine(
      `\nword embeddings: ${formatPercent(overlap)} of the ${neighbours} nearest neighbours are those in ${path} ` +
        `(${pieces.toLocaleString('en')} pieces in the order of the vocabulary)`,
    );
  }
}
