// Progress of a run on stderr: a line that is redrawn on a terminal, a plain line now and then elsewhere.
import { formatDuration } from '../report/format.js';

/** What a progress display needs of a stream. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  start(name: string, steps: number): void;
  step(step: number, values: Readonly<Record<string, number>>): void;
  /** A line that stays. */
  note(message: string): void;
  end(): void;
}

/** Milliseconds between plain lines where there is no terminal. */
const PLAIN_EVERY = 5000;

export function createProgress(
  stream: ProgressStream,
  quiet: boolean,
  now: () => number = () => performance.now(),
): Progress {
  if (quiet) return { start: () => {}, step: () => {}, note: () => {}, end: () => {} };
  const live = stream.isTTY === true;
  let stage = { name: '', steps: 0, started: 0, first: 0 };
  let lastPlain = Number.NEGATIVE_INFINITY;
  let drawn = false;

  const clear = (): void => {
    if (drawn) stream.write('\r\x1b[2K');
    drawn = false;
  };
  const line = (step: number, values: Readonly<Record<string, number>>): string => {
    const done = step - stage.first;
    const elapsed = (now() - stage.started) / 1000;
    const left = done > 0 ? (elapsed / done) * (stage.steps - step) : Number.NaN;
    const width = 20;
    const filled = Math.round((step / stage.steps) * width);
    const bar = `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`;
    const shown = Object.entries(values).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
    const rate = done > 0 ? `${(done / elapsed).toFixed(1)} steps/s` : '';
    const eta = Number.isFinite(left) ? `${formatDuration(left)} left` : '';
    return [stage.name, bar, `${step}/${stage.steps}`, ...shown, rate, eta].filter(Boolean).join('  ');
  };
  return {
    start(name, steps) {
      clear();
      stage = { name, steps, started: now(), first: 0 };
      lastPlain = now();
      stream.write(`${name}: ${steps} steps\n`);
    },
    step(step, values) {
      if (stage.first === 0 && step > 1 && stage.started > 0) {
        // The first report after a resume, or after steps too quick to be reported.
        stage = { ...stage, first: step - 1 };
      }
      if (live) {
        clear();
        stream.write(line(step, values).slice(0, Math.max(20, (stream.columns ?? 80) - 1)));
        drawn = true;
      } else if (now() - lastPlain >= PLAIN_EVERY || step === stage.steps) {
        lastPlain = now();
        stream.write(`${line(step, values)}\n`);
      }
    },
    note(message) {
      clear();
      stream.write(`${message}\n`);
    },
    end: clear,
  };
}
