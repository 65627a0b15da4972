// espalier export --to pack: in which form, and on how much its gate rests.
import { UsageError } from '../errors.js';
import { exportPack } from '../export/pack.js';
import type { Model } from '../models/model.js';
import { isPack } from '../models/pack-file.js';
import type { RunControl } from '../recipe/run.js';
import type { Check, ExportOptions, Written } from './export.js';

export async function exportPackFile(
  model: Model,
  { out, values = 'int8', embeddings = 'int8' }: ExportOptions,
  check: Check,
  control: RunControl,
): Promise<Written> {
  const note = (message: string): void => control.onEvent({ type: 'note', message });
  if (!isPack(out)) throw new UsageError(`--out ${out}: expected a name that ends with .espalier`);
  if (model.quantisation) note('scales of activations are not packed: the weights are, as int8 of their own');
  if (model.tokenizerFiles.size === 0) note(`${model.source} has no tokenizer: the pack will take ids alone`);
  const { size, ...result } = await exportPack(model, out, { values, embeddings }, check);
  if (!check.dev)
    note(`compared on ${result.examples} examples of random ids; name --task and --data for real ones`);
  return { ...result, size };
}
