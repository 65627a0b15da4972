// metrics.jsonl: one JSON object per line, appended as training goes. A resumed run first drops what came after its
// checkpoint, so that its file equals an unbroken one.
import { appendFile, readFile } from 'node:fs/promises';
import { ioError } from '../io/io-error.js';
import { writeFileAtomic } from '../io/atomic.js';

export interface MetricsLog {
  /** Appends a line; `step` counts over the whole recipe. */
  append(line: { readonly step: number } & Readonly<Record<string, unknown>>): Promise<void>;
  /** Keeps the lines up to and including `step`; a torn last line goes too. Without a file, does nothing. */
  truncate(step: number): Promise<void>;
}

/** Opens the log of a run; the file appears with its first line. */
export const openMetricsLog = (path: string): MetricsLog => ({
  append: (line) =>
    appendFile(path, `${JSON.stringify(line)}\n`).catch((cause: unknown) => {
      throw ioError(cause, 'writing', path);
    }),
  async truncate(step) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text === undefined) return;
    // Without the final line break the last line is torn.
    const lines = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean);
    const kept = lines.filter((line) => stepOf(line) <= step);
    await writeFileAtomic(path, kept.map((line) => `${line}\n`).join(''));
  },
});

function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as { step: number }).step;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
