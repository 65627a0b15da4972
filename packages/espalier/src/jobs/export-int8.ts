// espalier export --to onnx-int8: whose scales the file has, and on how much its gate rests.
import { UsageError } from '../errors.js';
import { calibrate } from '../export/calibrate.js';
import { exportInt8, GATE_EXAMPLES } from '../export/int8-file.js';
import type { Model } from '../models/model.js';
import type { RunControl } from '../recipe/run.js';
import type { Check, ExportOptions, Written } from './export.js';
import { loadRun } from './task-run.js';

/** Training examples that static quantisation looks at. */
const CALIBRATION_EXAMPLES = 256;
const CALIBRATION = { observer: 'minmax', weights: 'per-channel', embeddings: true } as const;

export async function exportInt8File(
  model: Model,
  options: ExportOptions,
  check: Check,
  control: RunControl,
): Promise<Written> {
  const note = (message: string): void => control.onEvent({ type: 'note', message });
  const [chosen, how] = await scaled(model, options, control);
  note(how);
  const { agreement, examples, largestDifference } = await exportInt8(chosen, options.out, check);
  if (!check.dev)
    note(`compared on ${examples} examples of random ids; name --task and --data for real ones`);
  else if (examples < GATE_EXAMPLES) {
    note(`compared on ${examples} examples, all there are in dev; ${GATE_EXAMPLES} are wanted`);
  }
  return { agreement, examples, largestDifference };
}

/** The model with the scales that the options ask for, and where they come from. */
async function scaled(
  model: Model,
  options: ExportOptions,
  control: RunControl,
): Promise<[model: Model, how: string]> {
  const { task, data, int8, threads } = options;
  if (int8 === undefined && model.quantisation)
    return [model, 'int8 by the scales the model was trained with'];
  if (int8 !== 'static') {
    return [
      { ...model, quantisation: undefined },
      'post-training int8, dynamic: ranges are taken batch by batch',
    ];
  }
  if (task === undefined || data === undefined) {
    throw new UsageError('--int8 static calibrates on training examples: name them with --task and --data');
  }
  const run = await loadRun({ ...options, task, data, limit: CALIBRATION_EXAMPLES }, control);
  const quantisation = await calibrate(model, run.train, { ...CALIBRATION, threads, padId: run.padId });
  return [
    { ...model, quantisation },
    `post-training int8, static: ranges of ${run.train.length} training examples`,
  ];
}
