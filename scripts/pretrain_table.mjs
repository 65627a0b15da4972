// Markdown tables from the lines of pretrain_results.mjs and, after a second file name, of transfers by results.mjs
// whose tag is the folder of the pre-trained model.
//
//   node scripts/pretrain_table.mjs pretrain.jsonl [transfer.jsonl]
import { readFileSync } from 'node:fs';

const lines = (path) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const [pretrainFile, transferFile] = process.argv.slice(2);
const runs = lines(pretrainFile).sort((a, b) => a.sparsity - b.sparsity || a.recipe.localeCompare(b.recipe));
const percent = (value) => (value === undefined ? '' : (100 * value).toFixed(1));
const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (head, rows) => [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

const { before } = runs.find((run) => run.before) ?? { before: undefined };
const scoresOf = ({ mlmLoss, mlmAccuracy, nspAccuracy }) => [
  mlmLoss.toFixed(3),
  percent(mlmAccuracy),
  percent(nspAccuracy),
];
console.log(
  table(
    ['pruned', 'method', 'MLM loss', 'MLM accuracy', 'NSP accuracy', 'final adjustment', 'seconds'],
    [
      ...(before ? [['0 %', 'before', ...scoresOf(before), '', '']] : []),
      ...runs.map((run) => [
        `${percent(run.reached)} %`,
        run.recipe,
        ...scoresOf(run.scores),
        run.finalAdjustment === null ? '' : `${percent(run.finalAdjustment)} %`,
        run.seconds.toFixed(0),
      ]),
    ],
  ),
);

console.log('\nMLM loss on held-out text by step:\n');
const steps = [...new Set(runs.flatMap(({ curve }) => curve.map(({ step }) => step)))].sort((a, b) => a - b);
console.log(
  table(
    ['pruned', 'method', ...steps.map(String)],
    runs.map(({ reached, recipe, curve }) => [
      `${percent(reached)} %`,
      recipe,
      ...steps.map((step) => curve.find((point) => point.step === step)?.mlmLoss.toFixed(3) ?? ''),
    ]),
  ),
);

if (transferFile) {
  const transfers = lines(transferFile);
  const tasks = [...new Set(transfers.map(({ task }) => task))];
  const MAIN = { sst2: 'accuracy', mrpc: 'f1', stsb: 'spearman', cola: 'matthews' };
  const scoreOf = (tag, task) =>
    transfers.find((line) => line.tag === tag && line.task === task)?.scores[MAIN[task]];
  const dense = runs.find(({ recipe }) => recipe === 'dense');
  const cell = (run, task) => {
    const [score, whole] = [scoreOf(run.model, task), dense && scoreOf(dense.model, task)];
    if (score === undefined) return '';
    const drop = whole === undefined || run === dense ? '' : ` (${percent(score - whole)})`;
    return `${percent(score)}${drop}`;
  };
  console.log('\nFine-tuned under the pattern, drop against the dense model in brackets:\n');
  console.log(
    table(
      ['pruned', 'method', ...tasks.map((task) => `${task} ${MAIN[task]}`)],
      runs.map((run) => [`${percent(run.reached)} %`, run.recipe, ...tasks.map((task) => cell(run, task))]),
    ),
  );
}
