// metrics.jsonl: what was measured, one JSON object a line, appended as the run goes (jsonlines.org). A run that is
// resumed at a checkpoint first drops what came after it, so its log has the lines of an unbroken run.
import { appendFile, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { FormatError } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { ioError } from '../io/io-error.js';

const lineSchema = z.looseObject({ step: z.int().nonnegative() });

/** A line to be: its step, 1-based over the whole run, and anything JSON can hold. */
export interface MetricsLine {
  readonly step: number;
  readonly [key: string]: unknown;
}

export interface MetricsLog {
  /** Adds a line. A number that is not finite becomes null. */
  append(line: MetricsLine): Promise<void>;
  /**
   * Drops the lines after `step`, and the last one where it is torn. No file is an empty log. Throws FormatError for
   * a whole line that is not a metrics line.
   */
  truncate(step: number): Promise<void>;
}

function parseLine(path: string, line: string, number: number): z.infer<typeof lineSchema> {
  try {
    return lineSchema.parse(JSON.parse(line));
  } catch (cause) {
    const expected = 'expected a JSON object with a whole number "step"';
    const advice = 'remove the line, or start again with --overwrite';
    throw new FormatError(path, `line ${number}: ${expected}, found ${line.slice(0, 60)}; ${advice}`, {
      cause,
    });
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw ioError(error, 'reading', path);
  }
}

/** The log at `path`. Its folder must exist; the file appears with the first line. */
export function openMetricsLog(path: string): MetricsLog {
  return {
    async append(line) {
      try {
        await appendFile(path, `${JSON.stringify(line)}\n`);
      } catch (error) {
        throw ioError(error, 'writing', path);
      }
    },
    async truncate(step) {
      const text = await readIfThere(path);
      // What follows the last newline is torn: a kill came in the middle of a write.
      const lines = text.split('\n').slice(0, -1);
      const kept = lines.filter((line, i) => parseLine(path, line, i + 1).step <= step);
      const content = kept.map((line) => `${line}\n`).join('');
      if (content !== text) await writeFileAtomic(path, content);
    },
  };
}
