import { readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openMetricsLog } from '../../src/train/metrics-log.js';
import { temporaryFolder } from '../support/temporary.js';

const at = temporaryFolder();

/** Logs steps `from` to `to`, with an evaluation every third. */
async function logSteps(path: string, from: number, to: number): Promise<void> {
  const log = openMetricsLog(path);
  for (let step = from; step <= to; step++) {
    await log.append({ step, loss: 1 / step, terms: { task: 1 / step } });
    if (step % 3 === 0) await log.append({ step, evaluation: { accuracy: step / 10 } });
  }
}

describe('openMetricsLog', () => {
  it('writes one JSON object a line', async () => {
    const path = at('lines.jsonl');
    const log = openMetricsLog(path);
    await log.append({ step: 1, loss: 0.5, stage: 'dense' });
    await log.append({ step: 2, loss: NaN });
    expect(await readFile(path, 'utf8')).toBe(
      '{"step":1,"loss":0.5,"stage":"dense"}\n{"step":2,"loss":null}\n',
    );
  });

  it('has the bytes of an unbroken run after a kill anywhere and a resume', async () => {
    const whole = at('whole.jsonl');
    await logSteps(whole, 1, 10);
    const expected = await readFile(whole, 'utf8');
    const checkpoint = 4;
    const least = expected.indexOf('{"step":5,');
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: least, max: expected.length }), async (written) => {
        const path = at('broken.jsonl');
        await rm(path, { force: true });
        await writeFile(path, expected.slice(0, written));
        await openMetricsLog(path).truncate(checkpoint);
        await logSteps(path, checkpoint + 1, 10);
        expect(await readFile(path, 'utf8')).toBe(expected);
      }),
      { numRuns: 30 },
    );
  });

  it('drops a torn last line even of an earlier step', async () => {
    const path = at('torn.jsonl');
    await writeFile(path, '{"step":1}\n{"step":2}');
    await openMetricsLog(path).truncate(5);
    expect(await readFile(path, 'utf8')).toBe('{"step":1}\n');
  });

  it('takes no file for an empty log', async () => {
    const path = at('none.jsonl');
    await openMetricsLog(path).truncate(0);
    expect(existsSync(path)).toBe(false);
  });

  it('refuses a file that is no metrics log, and leaves it alone', async () => {
    const path = at('other.jsonl');
    await writeFile(path, '{"step":1}\nhello\n');
    await expect(openMetricsLog(path).truncate(9)).rejects.toThrow(
      /other\.jsonl: line 2: expected a JSON object with a whole number "step", found hello/,
    );
    expect(await readFile(path, 'utf8')).toBe('{"step":1}\nhello\n');
  });

  it('names the file it cannot write', async () => {
    await expect(openMetricsLog(at('no', 'such.jsonl')).append({ step: 1 })).rejects.toThrow(/such\.jsonl/);
  });
});
