// espalier export --to pack: in which form, and on how much its gate rests.
import { defined } from '../defined.js';
import { EspalierError, UsageError } from '../errors.js';
import { exportEncoder, exportPack } from '../export/pack.js';
import type { Model } from '../models/model.js';
import { isPack } from '../models/pack-file.js';
import { hasTaskHead } from '../models/task-model.js';
import { hasTokenizer } from '../models/tokenizer-files.js';
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
  if (!hasTokenizer(model.tokenizerFiles))
    note(`${model.source} has no tokenizer: calls with text will fail (no-tokenizer), those with ids work`);
  if (!hasTaskHead(model)) {
    note(`${model.source} has no task head: nothing to decide and so no gate; it gives embeddings only`);
    const packed = await exportEncoder(model, out, formOf(options));
    if (packed.refused !== undefined) note(`the runtime does not compute ${out} (${packed.refused})`);
    return packed;
  }
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
