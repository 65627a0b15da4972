// Whether a packed file is good enough to ship: it must decide as the float32 model does, score about as well, and not be too
// far below the dense model.
import { type Example, type Task } from '../data/example.js';
import { countScored, type Scores } from '../train/evaluation.js';
import type { Agreement } from './check-argmax.js';
import type { PackForm } from './pack-choices.js';

/**
 * Fraction of examples that must be decided alike (ours): of dev by int8 and f16, and by what is coarser. Random ids lie
 * nearer to where decisions turn, and are there to see a file that computes something else.
 */
const LEAST_AGREEMENT = { fine: 0.995, coarse: 0.97, random: 0.8 } as const;
/** Points of the score that may be lost for each point of disagreement that is allowed (ours): 0.3 points at 99.5 %. */
const LOSS_PER_POINT = 0.6;

/** Examples of dev that may always be decided otherwise (ours): small sets have no 0.5 %. */
const FREE_EXAMPLES = 2;

/** The default for a form. */
export const leastAgreement = ({ values, embeddings }: PackForm): number =>
  LEAST_AGREEMENT[values === 'codebook' || embeddings === '4bit' ? 'coarse' : 'fine'];

/** What the gate is about. */
export interface Judged extends Agreement {
  /** Absent where random ids were decided. */
  readonly task?: Task | undefined;
  readonly dev?: readonly Example[] | undefined;
  /** Of the float32 model and of the packed file. */
  readonly expected?: Scores | undefined;
  readonly found?: Scores | undefined;
}

/** The main score of a task times 100. */
export const pointsOf = ({ metrics }: Pick<Task, 'metrics'>, scores: Scores): number =>
  100 * scores[metrics[0]!]!;

const percent = (fraction: number): string => `${Number((100 * fraction).toFixed(2))} %`;

/** What is wrong with the file, or undefined. */
export function gateFailure(judged: Judged, least: number): string | undefined {
  const { agreement, examples, task, dev, expected, found } = judged;
  if (!dev) {
    if (agreement >= LEAST_AGREEMENT.random) return undefined;
    return disagreement(judged, LEAST_AGREEMENT.random);
  }
  const others = Math.round((1 - agreement) * examples);
  if (others > Math.max(FREE_EXAMPLES, (1 - least) * examples + 1e-9)) return disagreement(judged, least);
  if (!task || !expected || !found) return undefined;
  const lost = pointsOf(task, expected) - pointsOf(task, found);
  const most = Math.max(100 * (1 - least) * LOSS_PER_POINT, (100 * FREE_EXAMPLES) / countScored(dev));
  if (lost <= most + 1e-9) return undefined;
  return (
    `${task.metrics[0]!} is ${pointsOf(task, found).toFixed(2)} and that of the float32 model ` +
    `${pointsOf(task, expected).toFixed(2)}, expected at most ${most.toFixed(2)} points less`
  );
}

const disagreement = ({ agreement, examples }: Agreement, least: number): string =>
  `${(100 * agreement).toFixed(2)} % of ${examples} examples are decided as by the model, expected at least ${percent(least)}`;

/** What to do about a file that failed what `option` asks. */
export const gateAdvice = (option: '--gate' | '--max-drop'): string =>
  `keep more of the values with --values or --embeddings, ask for less with ${option}, or --keep it`;

/** What is wrong where `scores`, those of `what`, are more than `most` points below the dense model's. */
export function dropFailure(
  task: Task,
  dense: Scores,
  { what, scores, most }: { readonly what: string; readonly scores: Scores; readonly most: number },
): string | undefined {
  const [before, after] = [pointsOf(task, dense), pointsOf(task, scores)];
  if (before - after <= most + 1e-9) return undefined;
  return (
    `${what}: ${task.metrics[0]!} is ${after.toFixed(2)} and that of the dense model ${before.toFixed(2)}, ` +
    `${(before - after).toFixed(2)} points less, expected at most ${most} (--max-drop)`
  );
}
