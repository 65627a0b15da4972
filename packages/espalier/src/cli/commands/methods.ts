// espalier methods: every method, its paper, its options and where their defaults come from.
import type { Command } from 'commander';
import { renderTable } from '../../report/tables.js';
import { addCommon } from '../options.js';
import { printJson, printLine } from '../print.js';
import type { OutputFlags } from '../run-job.js';

interface OptionSchema {
  readonly default?: unknown;
  readonly description?: string;
  readonly enum?: readonly string[];
}

export function methodsCommand(program: Command): void {
  const command = program.command('methods').description('every method, its paper, its options and defaults');
  addCommon(command, { compute: false }).action(async (flags: OutputFlags) => {
    const { describeMethods } = await import('../../recipe/describe-methods.js');
    const described = describeMethods();
    if (flags.json) return printJson(described);
    for (const { name, title, paper, provenance, options } of described.methods) {
      printLine(`${name}: ${title}\n  ${paper}`);
      const properties = (options.properties ?? {}) as Record<string, OptionSchema>;
      const rows = Object.entries(properties).map(([option, schema]) => [
        `  ${option}`,
        schema.default === undefined ? '-' : JSON.stringify(schema.default),
        // A default that its paper does not confirm is marked.
        provenance[option] === 'paper' || provenance[option] === 'code'
          ? provenance[option]
          : `* ${provenance[option] ?? ''}`,
        schema.description ?? '',
      ]);
      printLine(
        `${renderTable([{ title: '  option' }, { title: 'default' }, { title: 'source' }, { title: '' }], rows)}\n`,
      );
    }
    printLine(
      '* the paper does not confirm this default: "unconfirmed" was not stated or not read, "ours" is our choice',
    );
  });
}
