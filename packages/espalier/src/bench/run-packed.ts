// Contestant: a packed file in our runtime.
import { createEncoder } from '@espalier/runtime/encoder';
import type { Example } from '../data/example.js';
import { EspalierError } from '../errors.js';
import { runtimeWeights } from '../export/runtime-weights.js';
import { loadPack } from '../models/pack-file.js';
import { compete, type Opened } from './compete.js';
import type { Request } from './message.js';

/**
 * The one place where a packed file becomes an encoder: by way of the toolkit's model, which costs time and memory that
 * the runtime need not take. The encoder has no threads yet; `threads` of the request would go in here.
 */
async function openPacked(
  { file, form = 'f32', levels }: Request,
  batch: readonly Example[],
): Promise<Opened> {
  const weights = runtimeWeights(await loadPack(file), form);
  if (!weights.head) throw new EspalierError(`${file}: expected a model of a task, found no head`);
  const largest = { rows: batch.length, length: batch[0]!.ids.length };
  const encoder = createEncoder(weights, { largest, ...(levels && { levels }) });
  return {
    run:
      weights.head.kind === 'span'
        ? () => encoder.spans(batch).map(({ start, end }) => Float32Array.of(...start, ...end))
        : () => encoder.classify(batch),
    levels: encoder.levels,
  };
}

await compete(openPacked);
