// The schedule search of structured pruning (methods.md C.8): one run for every schedule, each of as many steps, scored
// on a split cut from train. The best run is the result as it stands, so the held-out examples train nothing.
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { ioError } from '../io/io-error.js';
import type { Model } from '../models/model.js';
import { hasOption, type Recipe, setOptions } from '../recipe/recipe.js';
import { type RecipeResult, runRecipe, type StageRunOptions } from '../recipe/run.js';
import type { Report } from '../report/report.js';
import { openMetricsLog } from '../train/metrics-log.js';
import { checkpointsOf } from './output.js';

/** {one-shot, linear, cubic} x {1, 2, 4} without what is the same: all in one round is one-shot. */
const GRID = [
  { schedule: 'one-shot', rounds: 1 },
  { schedule: 'linear', rounds: 2 },
  { schedule: 'linear', rounds: 4 },
  { schedule: 'cubic', rounds: 2 },
  { schedule: 'cubic', rounds: 4 },
] as const;

export interface SearchResult {
  /** The recipe with the schedule that was chosen. */
  readonly recipe: Recipe;
  readonly result: RecipeResult;
  readonly search: NonNullable<Report['search']>;
}

/** Throws UsageError for a recipe without a schedule to search for. */
export function checkSearchable(recipe: Recipe): void {
  if (hasOption(recipe, 'structured.rounds')) return;
  throw new UsageError(
    `--search looks for the schedule of method "structured", which recipe "${recipe.name}" has not; ` +
      'leave --search out or take --recipe structured',
  );
}

/** Runs every cell of the grid, or takes what an interrupted search has finished; the log in `out` is the best one's. */
export async function searchSchedule(
  model: Model,
  recipe: Recipe,
  stages: StageRunOptions,
  { out, heldRows }: { readonly out: string; readonly heldRows: number },
): Promise<SearchResult> {
  const { workload, control } = stages;
  const scores: number[] = [];
  const logs: string[] = [];
  let best: { recipe: Recipe; result: RecipeResult; index: number } | undefined;
  for (const [index, { schedule, rounds }] of GRID.entries()) {
    const name = `${schedule}-${rounds}`;
    control.onEvent({ type: 'note', message: `schedule ${index + 1} of ${GRID.length}: ${name}` });
    const chosen = setOptions(recipe, [
      ['structured.schedule', schedule],
      ['structured.rounds', rounds],
    ]);
    const folder = join(checkpointsOf(out), 'search', name);
    await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
      throw ioError(cause, 'writing', folder);
    });
    logs.push(join(folder, 'metrics.jsonl'));
    const log = openMetricsLog(logs[index]!);
    const result = await runRecipe(model, chosen, { ...stages, checkpoints: folder, log });
    const scorer = workload.scorer(result.model, stages);
    scores.push((await scorer.score('held'))[workload.mainScore]!);
    await scorer.release();
    if (!best || scores[index]! > scores[best.index]!) best = { recipe: chosen, result, index };
  }
  const { index, ...found } = best!; // the grid is not empty
  await writeFileAtomic(join(out, 'metrics.jsonl'), await readFile(logs[index]!));
  const cells = GRID.map((cell, i) => ({ ...cell, score: scores[i]!, chosen: i === index }));
  return { ...found, search: { metric: workload.mainScore, heldRows, cells } };
}
