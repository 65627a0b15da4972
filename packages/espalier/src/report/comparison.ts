// The table of a paper from the cells of a grid: mean and spread over seeds, the drop against the dense model of the
// same seeds, the majority score, which columns say anything, and the Pareto front of bytes against score
// (methods.md F.6).
import type { MetricName } from '../data/example.js';
import type { Scores } from '../train/evaluation.js';
import { mean, standardDeviation } from '../train/statistics.js';
import { paretoFront, type Point } from './pareto.js';

/** The name of the recipe of dense fine-tuning in a grid. */
export const DENSE_ROW = 'dense';

/** Which cell of the grid. */
export interface CellKey {
  readonly model: string;
  readonly task: string;
  /** `DENSE_ROW`, or the name of a recipe. */
  readonly recipe: string;
  /** Null where the recipe takes none. */
  readonly sparsity: number | null;
  readonly seed: number;
}

/** A cell that was computed. */
export interface Cell extends CellKey {
  /** Of the model that the cell makes, float32. */
  readonly scores: Scores;
  /** Fraction of zeros over the encoder's matrices. */
  readonly encoder: number;
  readonly parameters: number;
  /** Of model.safetensors with gzip; of an adapter with its base. */
  readonly bytes: number;
  readonly finalAdjustment: number | null;
  readonly seconds: number;
  /** ONNX files in int8: of this model, and of the dense one it is compared with. */
  readonly int8?: { readonly scores: Scores; readonly bytes: number } | undefined;
  readonly denseInt8?: { readonly scores: Scores; readonly bytes: number } | undefined;
  /** The packed file. */
  readonly packed?: { readonly scores: Scores; readonly bytes: number } | undefined;
}

export interface FailedCell extends CellKey {
  readonly error: string;
}

export interface ComparedTask {
  readonly name: string;
  /** The main score. */
  readonly metric: MetricName;
  /** It is a correlation, and guessing gives 0. */
  readonly correlation: boolean;
}

/** Scores of one row on one task. */
export interface Summary {
  readonly mean: number;
  /** Standard deviation; NaN of one seed becomes null. */
  readonly deviation: number | null;
  readonly seeds: readonly number[];
  /** Mean difference from the dense model over the seeds that both have; null where there are none. */
  readonly change: number | null;
}

export interface ComparedRow {
  readonly model: string;
  readonly recipe: string;
  readonly sparsity: number | null;
  /** Means over all cells of the row. */
  readonly encoder: number;
  readonly parameters: number;
  readonly bytes: number;
  /** The largest final adjustment of the sparsity among its cells; null where none has one. */
  readonly adjustment: number | null;
  /** By task. */
  readonly scores: Readonly<Record<string, Summary>>;
}

export interface FrontPoint extends Point {
  /** Model, recipe, sparsity and format. */
  readonly what: string;
}

export interface Comparison {
  readonly tasks: readonly (ComparedTask & {
    readonly majority: number | null;
    /** Whether a dense model beats the majority clearly: by 10 points, or a correlation of 0.3. */
    readonly informative: boolean;
  })[];
  readonly rows: readonly ComparedRow[];
  /** By task: what is best for its bytes, smallest first. */
  readonly fronts: Readonly<Record<string, readonly FrontPoint[]>>;
}

/** How far above the majority score a dense model must be for differences to count. */
const CLEARLY = { points: 0.1, correlation: 0.3 };

const CORRELATIONS: readonly MetricName[] = ['matthews', 'pearson', 'spearman'];

export const isCorrelation = (metric: MetricName): boolean => CORRELATIONS.includes(metric);

const rowOf = ({ model, recipe, sparsity }: CellKey): string => JSON.stringify([model, recipe, sparsity]);

function summarise(cells: readonly Cell[], dense: readonly Cell[], metric: MetricName): Summary {
  const values = cells.map(({ scores }) => scores[metric]!);
  const before = new Map(dense.map(({ seed, scores }) => [seed, scores[metric]!]));
  const changes = cells.flatMap(({ seed, scores }) => {
    const from = before.get(seed);
    return from === undefined ? [] : [scores[metric]! - from];
  });
  return {
    mean: mean(values),
    deviation: values.length > 1 ? standardDeviation(values) : null,
    seeds: cells.map(({ seed }) => seed),
    change: changes.length > 0 ? mean(changes) : null,
  };
}

/** What stands in a row's first columns, for people. */
export const rowTitle = ({ model, recipe, sparsity }: Omit<CellKey, 'task' | 'seed'>): string =>
  `${model} ${recipe}${sparsity === null ? '' : ` ${sparsity}`}`;

/** The points of a task: every row as a float32 file with gzip, and the int8 and packed files that were scored. */
function pointsOf(task: ComparedTask, rows: ReadonlyMap<string, readonly Cell[]>): FrontPoint[] {
  const average = (
    what: string,
    files: readonly { readonly scores: Scores; readonly bytes: number }[],
  ): FrontPoint[] =>
    files.length === 0
      ? []
      : [
          {
            what,
            bytes: mean(files.map(({ bytes }) => bytes)),
            score: mean(files.map(({ scores }) => scores[task.metric]!)),
          },
        ];
  const points: FrontPoint[] = [];
  for (const cells of rows.values()) {
    const own = cells.filter((cell) => cell.task === task.name);
    if (own.length === 0) continue;
    points.push(...average(`${rowTitle(own[0]!)}, float32`, own));
    for (const kind of ['int8', 'packed'] as const)
      points.push(
        ...average(
          `${rowTitle(own[0]!)}, ${kind}`,
          own.flatMap((cell) => (cell[kind] ? [cell[kind]] : [])),
        ),
      );
  }
  for (const model of new Set([...rows.values()].map(([cell]) => cell!.model))) {
    const cells = [...rows.values()].flat().filter((cell) => cell.model === model && cell.task === task.name);
    // Every cell of a seed has the same dense model beside it.
    const bySeed = new Map(cells.flatMap(({ seed, denseInt8 }) => (denseInt8 ? [[seed, denseInt8]] : [])));
    points.push(...average(`${model} ${DENSE_ROW}, int8`, [...bySeed.values()]));
  }
  return points;
}

function largestAdjustment(cells: readonly Cell[]): number | null {
  const sizes = cells.flatMap(({ finalAdjustment: of }) => (of === null ? [] : [Math.abs(of)]));
  return sizes.length === 0 ? null : Math.max(...sizes);
}

/** Rows in the order in which the cells come, the dense ones of each model first. */
export function summariseCells(tasks: readonly ComparedTask[], cells: readonly Cell[]): Comparison {
  const rows = new Map<string, Cell[]>();
  for (const cell of [...cells].sort((a, b) => a.seed - b.seed)) {
    const key = rowOf(cell);
    rows.set(key, [...(rows.get(key) ?? []), cell]);
  }
  const denseOf = (model: string, task: string): Cell[] =>
    cells.filter((cell) => cell.recipe === DENSE_ROW && cell.model === model && cell.task === task);
  const ordered = [...new Set(cells.map(rowOf))].map((key) => rows.get(key)!);
  return {
    tasks: tasks.map((task) => {
      const own = cells.filter((cell) => cell.task === task.name);
      const majority = own[0]?.scores.majority ?? null;
      const best = Math.max(
        ...own.filter(({ recipe }) => recipe === DENSE_ROW).map(({ scores }) => scores[task.metric]!),
      );
      const needed = task.correlation ? CLEARLY.correlation : (majority ?? 0) + CLEARLY.points;
      return { ...task, majority, informative: best >= needed };
    }),
    rows: ordered.map((members) => {
      const { model, recipe, sparsity } = members[0]!;
      const scores = tasks.flatMap(({ name, metric }): [string, Summary][] => {
        const own = members.filter((cell) => cell.task === name);
        return own.length === 0 ? [] : [[name, summarise(own, denseOf(model, name), metric)]];
      });
      const average = (value: (cell: Cell) => number): number => mean(members.map(value));
      return {
        model,
        recipe,
        sparsity,
        encoder: average((cell) => cell.encoder),
        parameters: average((cell) => cell.parameters),
        bytes: average((cell) => cell.bytes),
        adjustment: largestAdjustment(members),
        scores: Object.fromEntries(scores),
      };
    }),
    fronts: Object.fromEntries(tasks.map((task) => [task.name, paretoFront(pointsOf(task, rows))])),
  };
}
