// Contestant: a packed file in our runtime, as its users would run it.
import { readFile } from 'node:fs/promises';
import { load } from '@espalier/runtime';
import type { Example } from '../data/example.js';
import { compete, type Opened } from './compete.js';
import type { Request } from './message.js';

/** The runtime has no threads yet; `threads` of the request would go in here. */
async function openPacked({ file, form, levels }: Request, batch: readonly Example[]): Promise<Opened> {
  const largest = { rows: batch.length, length: batch[0]!.ids.length };
  const model = await load(await readFile(file), { form, levels, largest });
  return {
    run:
      model.labels.length > 0
        ? async () => (await model.classifyIds(batch)).map(({ logits }) => logits)
        : async () => (await model.spanIds(batch)).map(({ start, end }) => Float32Array.of(...start, ...end)),
    levels: model.levels,
  };
}

await compete(openPacked);
