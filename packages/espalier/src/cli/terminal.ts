// What a command shows while it works: one line of progress that is redrawn on a terminal, a plain line now and then
// in a log, nothing but warnings when quiet. It goes to stderr; stdout belongs to results.
import { formatDuration, formatNumber } from '../report/format.js';
import { displayWidth } from '../report/tables.js';

/** What is used of a stream. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Colours are for terminals, and not where NO_COLOR (no-color.org) is set to anything. */
export const colourAllowed = (stream: Output, env: NodeJS.ProcessEnv = process.env): boolean =>
  stream.isTTY === true && !env['NO_COLOR'];

export interface Progress {
  readonly label: string;
  readonly step: number;
  readonly total: number;
  readonly loss?: number | undefined;
}

export interface ProgressLine {
  /** Shows where the work is. Cheap enough to call at every step. */
  update(progress: Progress): void;
  /** A line of its own that stays. */
  note(message: string): void;
  /** A line that stays even when quiet. */
  warn(message: string): void;
  /** Takes the progress line away. */
  done(): void;
}

export interface ProgressOptions {
  readonly quiet?: boolean;
  /** Milliseconds, for tests. */
  readonly now?: () => number;
}

const REDRAW_MS = 100;
const PLAIN_MS = 5000;
const BAR_CELLS = 20;

const warningsOnly = (stream: Output): ProgressLine => ({
  update: () => undefined,
  note: () => undefined,
  warn: (message) => void stream.write(`${message}\n`),
  done: () => undefined,
});

function bar(fraction: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_CELLS);
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}]`;
}

/** As much of `text` as fits into `cells`. */
function fit(text: string, cells: number): string {
  let kept = text;
  while (kept.length > 0 && displayWidth(kept) > cells) kept = kept.slice(0, -1);
  return kept;
}

/** A progress line on `stream`, stderr unless told otherwise. */
export function progressLine(
  stream: Output = process.stderr,
  { quiet = false, now = () => performance.now() }: ProgressOptions = {},
): ProgressLine {
  if (quiet) return warningsOnly(stream);
  const terminal = stream.isTTY === true;
  const pause = terminal ? REDRAW_MS : PLAIN_MS;
  // Rate and time left are counted from the first update of a label: a resumed run starts in the middle.
  let from = { label: '', step: 0, at: 0 };
  let shownAt = -Infinity;
  let shown = '';

  const clear = (): void => {
    if (terminal && shown) stream.write('\r\x1b[K');
  };

  const describe = ({ label, step, total, loss }: Progress, time: number): string => {
    const rate = (step - from.step) / ((time - from.at) / 1000);
    const parts = [`${label} ${terminal ? `${bar(step / total)} ` : ''}${step}/${total}`];
    if (loss !== undefined) parts.push(`loss ${formatNumber(loss)}`);
    if (rate > 0 && Number.isFinite(rate)) {
      parts.push(`${formatNumber(Number(rate.toPrecision(3)))} steps/s`);
      if (step < total) parts.push(`${formatDuration((total - step) / rate)} left`);
    }
    return parts.join('  ');
  };

  const note = (message: string): void => {
    clear();
    stream.write(`${message}\n`);
    if (terminal && shown) stream.write(shown);
  };

  return {
    update(progress) {
      const time = now();
      const begins = progress.label !== from.label || progress.step < from.step;
      if (begins) from = { label: progress.label, step: progress.step, at: time };
      const ends = terminal && progress.step >= progress.total;
      if (!ends && time - shownAt < pause) return;
      shownAt = time;
      const line = describe(progress, time);
      if (terminal) {
        shown = fit(line, (stream.columns ?? 80) - 1);
        stream.write(`\r${shown}\x1b[K`);
      } else {
        stream.write(`${line}\n`);
      }
    },
    note,
    warn: note,
    done() {
      clear();
      shown = '';
    },
  };
}
