// Contestant: a packed file in our runtime, as its users would run it.
import { readFile } from 'node:fs/promises';
import { load } from '@espalier/runtime';
import { threads as threadsOf } from '@espalier/runtime/threads';
import { EspalierError } from '../errors.js';
import type { Example } from '../data/example.js';
import { compete, type Opened } from './compete.js';
import type { Request } from './message.js';

async function openPacked(
  { file, form, levels, threads }: Request,
  batch: readonly Example[],
): Promise<Opened> {
  const largest = { rows: batch.length, length: batch[0]!.ids.length };
  const model = await load(await readFile(file), { form, levels, largest, threads: threadsOf(threads) });
  if (model.note !== undefined) throw new EspalierError(`--threads ${threads}: ${model.note}`);
  return {
    run:
      model.labels.length > 0
        ? async () => (await model.classifyIds(batch)).map(({ logits }) => logits)
        : async () => (await model.spanIds(batch)).map(({ start, end }) => Float32Array.of(...start, ...end)),
    levels: model.levels,
  };
}

await compete(openPacked);
