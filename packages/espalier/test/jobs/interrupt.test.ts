// Stopping while a model is scored: between batches, not at the end, and as training does.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Interrupted } from '../../src/errors.js';
import { evaluate } from '../../src/jobs/evaluate.js';
import { exportModel } from '../../src/jobs/export.js';
import { finetune } from '../../src/jobs/finetune.js';
import type { RunControl } from '../../src/recipe/run.js';
import { createPredictor } from '../../src/train/predictor.js';
import { writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';
import { madeUpExamples, randomModel } from '../support/training.js';

const path = temporaryFolder();
const root = path('project');
const data = { task: 'classify', data: join(root, 'classify'), threads: 1 };
const never: RunControl = { onEvent: () => {}, stopRequested: () => false };
const stopped: RunControl = { onEvent: () => {}, stopRequested: () => true };

/** Asks to stop once `steps` steps are done. */
function after(steps: number): RunControl {
  let done = 0;
  return {
    onEvent: ({ type }) => void (done += type === 'step' ? 1 : 0),
    stopRequested: () => done >= steps,
  };
}

const train = (out: string, control: RunControl, more: object = {}) =>
  finetune(
    {
      ...{ ...data, model: join(root, 'base'), out: path(out) },
      ...{ settings: { steps: 4, batchSize: 8, maxLength: 16, lr: 5e-3 }, ...more },
    },
    control,
  );

beforeAll(async () => {
  await writeProject(root);
  await train('model', never);
});

describe('a request to stop', () => {
  it('is seen between batches', async () => {
    let asked = 0;
    const checkStop = (): void => {
      if (++asked === 3) throw new Interrupted(false);
    };
    const model = randomModel();
    const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: 0, rows: 2, checkStop });
    await expect(predictor.logits(madeUpExamples(20))).rejects.toThrow('stopped');
    expect(asked).toBe(3);
    await predictor.release();
  });

  it('ends evaluate', async () => {
    const job = evaluate({ ...data, model: path('model') }, stopped);
    await expect(job).rejects.toThrow(Interrupted);
    await expect(job).rejects.toThrow(/^stopped$/);
  });

  it.each(['onnx', 'onnx-int8', 'pack', 'hf'] as const)(
    'ends the gate of --to %s, which writes nothing',
    async (to) => {
      const out = path(`stopped-${to}${to === 'pack' ? '.espalier' : ''}`);
      await expect(exportModel({ ...data, model: path('model'), to, out }, stopped)).rejects.toThrow(
        Interrupted,
      );
      expect(existsSync(out)).toBe(false);
    },
  );

  it.each([{ onnx: false }, { onnx: true }])(
    'ends the scores after the last step, to go on from there: %o',
    async (more) => {
      const out = `last-${String(more.onnx)}`;
      await expect(train(out, after(4), more)).rejects.toThrow('--resume');
      expect(existsSync(path(out, 'report.json'))).toBe(false);
      const resumed = after(1);
      const report = await train(out, { ...resumed, stopRequested: () => false }, { ...more, resume: true });
      const whole = await train(`whole-${out}`, never, more);
      expect(report.metrics).toEqual(whole.metrics);
    },
  );
});
