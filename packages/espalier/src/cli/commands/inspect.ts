// espalier inspect: what a model consists of.
import type { Command } from 'commander';
import { formatBytes, formatPercent } from '../../report/format.js';
import { renderTable } from '../../report/tables.js';
import { addCommon } from '../options.js';
import { printJson, printLine } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

export function inspectCommand(program: Command): void {
  const command = program
    .command('inspect')
    .description('shapes, zeros by matrix and component, bytes by part')
    .argument('<path>', 'directory in Hugging Face layout, Hub id, or .onnx file')
    .option('--tensors', 'every tensor, not only the matrices of the encoder');
  addCommon(command, { compute: false }).action(
    async (path: string, flags: OutputFlags & { readonly tensors?: true }) => {
      const result = await runJob('inspect', { model: path }, flags);
      if (flags.json) return printJson(result);
      if (result.format === 'onnx') {
        printLine(`${path}: ONNX, ${formatBytes(result.bytes)}`);
        printLine(`inputs ${result.inputs?.join(', ') ?? ''}; outputs ${result.outputs?.join(', ') ?? ''}`);
        return;
      }
      const { encoder, model } = result.sparsity!;
      printLine(`${path}: ${result.family ?? ''}, ${formatBytes(result.bytes)}`);
      printLine(
        `zeros: ${formatPercent(encoder)} of the encoder matrices, ${formatPercent(model)} of the model\n`,
      );
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
        ({ shape, name }) => flags.tensors ?? (shape.length === 2 && name.includes('encoder')),
      );
      printLine('');
      printLine(
        renderTable(
          [{ title: 'tensor' }, { title: 'shape' }, { title: 'zeros', align: right }],
          shown.map(({ name, shape, zeros, bytes }) => [
            name,
            shape.join(' x '),
            formatPercent(zeros / (bytes / 4)),
          ]),
        ),
      );
    },
  );
}
