// Turns the lines of scripts/results.mjs into Markdown tables: mean and standard deviation over seeds.
//
//   node scripts/results_table.mjs FILE.jsonl [FILE.jsonl ...]
import { readFileSync } from 'node:fs';

const MAIN = { sst2: 'accuracy', cola: 'matthews', mrpc: 'f1', stsb: 'spearman' };
const lines = process.argv
  .slice(2)
  .flatMap((path) => readFileSync(path, 'utf8').split('\n').filter(Boolean))
  .map((line) => JSON.parse(line));

const groups = new Map();
for (const line of lines) {
  const key = [line.task, line.recipe, line.sparsity, line.lr, line.steps].join(' ');
  groups.set(key, [...(groups.get(key) ?? []), line]);
}
const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
const spread = (values) =>
  values.length < 2
    ? Number.NaN
    : Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));
const points = (value) => (100 * value).toFixed(1);

for (const task of Object.keys(MAIN)) {
  const rows = [...groups.values()].filter(([first]) => first.task === task);
  if (rows.length === 0) continue;
  console.log(`\n${task}: ${MAIN[task]} on dev, majority ${points(rows[0][0].scores.majority)}\n`);
  console.log('| recipe | target | reached | lr | steps | seeds | score | sd | largest final adjustment |');
  console.log('|---|---:|---:|---:|---:|---|---:|---:|---:|');
  for (const cells of rows) {
    const [{ recipe, sparsity, lr, steps }] = cells;
    const scores = cells.map((cell) => cell.scores[MAIN[task]]);
    const adjustments = cells.map((cell) => cell.finalAdjustment ?? 0);
    const sd = spread(scores);
    console.log(
      `| ${recipe} | ${sparsity ? `${points(sparsity)} %` : '-'} | ${sparsity ? `${points(mean(cells.map((cell) => cell.reached)))} %` : '-'} ` +
        `| ${lr} | ${steps} | ${cells.map((cell) => cell.seed).join(', ')} | ${points(mean(scores))} ` +
        `| ${Number.isNaN(sd) ? '-' : points(sd)} | ${recipe === 'rpp' ? `${points(Math.max(...adjustments))} %` : '-'} |`,
    );
  }
}
