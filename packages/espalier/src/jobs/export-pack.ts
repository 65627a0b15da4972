// espalier export --to pack: in which form, and on how much its gate rests.
import { defined } from '../defined.js';
import { EspalierError, UsageError } from '../errors.js';
import { exportPack } from '../export/pack.js';
import type { Model } from '../models/model.js';
import { isPack } from '../models/pack-file.js';
import type { RunControl } from '../recipe/run.js';
import type { Check, ExportOptions, Written } from './export.js';
import { formOf } from './pack-options.js';

export async function exportPackFile(
  model: Model,
  options: ExportOptions,
  check: Check,
  control: RunControl,
): Promise<Written> {
  const { out, gate, keep } = options;
  const note = (message: string): void => control.onEvent({ type: 'note', message });
  if (!isPack(out)) throw new UsageError(`--out ${out}: expected a name that ends with .espalier`);
  if (model.quantisation) note(SCALES_NOTE);
  if (model.tokenizerFiles.size === 0) note(`${model.source} has no tokenizer: the pack will take ids alone`);
  const packed = await exportPack(model, out, formOf(options), { ...check, gate, keep });
  const { failure, refused, runtime, size, kinds, scores: metrics } = packed;
  if (failure !== undefined) throw new EspalierError(failure);
  if (refused !== undefined)
    note(`the runtime does not compute ${out} (${refused}): it was compared by decoding it`);
  const { agreement, examples, largestDifference } = packed;
  if (!check.dev)
    note(`compared on ${examples} examples of random ids; name --task and --data for real ones`);
  return defined({ agreement, examples, largestDifference, size, kinds, runtime, refused, metrics });
}

/** Said where a quantised model is packed. */
export const SCALES_NOTE = 'scales of activations are not packed: the weights are, as int8 of their own';
