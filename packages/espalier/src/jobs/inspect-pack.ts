// What inspect says of a packed file beyond its tensors: what its bytes are for, how near they are to their entropy, and how
// the runtime computes it.
import { readFile } from 'node:fs/promises';
import { openPack, type TensorSection, writePack } from '@espalier/runtime/format';
import { partsOf } from '../export/pack-form.js';
import { openPacked, type RuntimeUse } from '../export/packed-predictor.js';
import type { Model } from '../models/model.js';
import { measurePack, type PackSize } from '../report/pack-size.js';

export interface PackInspection {
  readonly size: PackSize;
  /** How the runtime computes it, or why it does not. */
  readonly runtime?: RuntimeUse;
  readonly refused?: string;
}

/** `model` is what the file decodes to, so the file is known to be whole. */
export async function inspectPack(
  path: string,
  model: Model,
): Promise<{ readonly sections: ReadonlyMap<string, TensorSection>; readonly pack: PackInspection }> {
  const bytes = await readFile(path);
  const opened = openPack(bytes);
  const { header } = opened;
  const tensors = new Map(Array.from(header.tensors.keys(), (name) => [name, opened.tensor(name)]));
  const files = new Map(Array.from(header.files.keys(), (name) => [name, opened.file(name)]));
  // Only writing tells how many bytes of a section are its pattern; what is written again is what was read.
  const again = writePack({ config: header.config, task: header.task, tensors, files });
  const sizes = new Map(Array.from(model.tensors, ([name, { data }]) => [name, data.length]));
  const size = measurePack({ ...again, bytes }, tensors, sizes, partsOf(model));
  const running = await openPacked(bytes, path, { model, length: 1 });
  if ('refused' in running) return { sections: header.tensors, pack: { size, ...running } };
  await running.release();
  return { sections: header.tensors, pack: { size, runtime: running.use } };
}
