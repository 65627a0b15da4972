// What goes to stdout: one JSON object, or tables for people.
import { fileTable } from '../report/file-table.js';
import { ADAPTER_NOTE, DENSE_FILE_NOTE, factRows, scoreTable } from '../report/markdown.js';
import type { RuntimeUse } from '../export/packed-predictor.js';
import { renderTable } from '../report/tables.js';
import type { Report } from '../report/report.js';
import type { OutputFlags } from './run-job.js';

export const printLine = (text: string): void =>
  void process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);

export const printJson = (value: unknown): void => printLine(JSON.stringify(value));

/** How the runtime computes a packed file. */
export function runtimeLine({ form, layers, levels }: RuntimeUse): string {
  const counts = Object.entries(layers).map(([name, count]) => `${name} (${count} matrices)`);
  const kernels = [...new Set(Object.values(levels))].join(', ');
  return `runtime: form ${form}, ${counts.join(', ')}; kernels ${kernels}`;
}

export function printReport(report: Report, out: string, { json }: OutputFlags): void {
  if (json) return printJson(report);
  const scores = scoreTable(report);
  printLine(`\n${report.recipe.name} on ${report.task}\n`);
  printLine(renderTable(scores.columns, scores.rows));
  const files = fileTable(report);
  if (files) printLine(`\n${renderTable(files.columns, files.rows)}`);

  printLine('');
  for (const [name, value] of factRows(report)) printLine(`${name!}: ${value!}`);
  if (report.adapter) printLine(ADAPTER_NOTE);
  else if (report.sparsity.encoder > 0) printLine(DENSE_FILE_NOTE);
  printLine(`\nwritten to ${out}`);
}
