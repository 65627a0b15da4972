// espalier export --to pack: in which form, and on how much its gate rests.
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
  const { failure, kept, ...result } = await exportPack(model, out, formOf(options), {
    ...check,
    gate,
    keep,
  });
  if (failure !== undefined) {
    const advice = kept
      ? ''
      : '; keep more of the values with --values or --embeddings, ask for less with --gate, or --keep it';
    throw new EspalierError(`${failure}${advice}`);
  }
  if (result.refused !== undefined)
    note(`the runtime does not compute ${out} (${result.refused}): it was compared by decoding it`);
  if (!check.dev)
    note(`compared on ${result.examples} examples of random ids; name --task and --data for real ones`);
  const { scores, ...written } = result;
  return { ...written, ...(scores && { metrics: scores }) };
}

/** Said where a quantised model is packed. */
export const SCALES_NOTE = 'scales of activations are not packed: the weights are, as int8 of their own';
