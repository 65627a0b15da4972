import type { Batch, Example } from './example.js';
export function makeBatch(
  examples: readonly Example[],
  rows: number,
  length: number,
  { padId }: { padId: number },
): Batch {
  const ids = new Int32Array(rows * length).fill(padId),
    typeIds = new Int32Array(rows * length),
    mask = new Uint8Array(rows * length),
    rowWeights = new Float32Array(rows);
  for (let b = 0; b < rows; b++) {
    const e = examples[b];
    if (!e) {
      mask[b * length] = 1;
      continue;
    }
    rowWeights[b] = 1;
    for (let s = 0; s < e.ids.length; s++) {
      ids[s * rows + b] = e.ids[s]!;
      typeIds[s * rows + b] = e.typeIds[s]!;
      mask[b * length + s] = 1;
    }
  }
  return { rows, length, examples, ids, typeIds, mask, rowWeights };
}
export function epochBatches({
  examples,
  batchSize,
}: {
  examples: readonly Example[];
  batchSize: number;
  seed: number;
  epoch: number;
  maxLength: number;
}): { indices: number[]; length: number }[] {
  const out: { indices: number[]; length: number }[] = [];
  for (let i = 0; i < examples.length; i += batchSize) {
    const indices = Array.from({ length: Math.min(batchSize, examples.length - i) }, (_, k) => i + k);
    out.push({
      indices,
      length: Math.ceil(Math.max(...indices.map((j) => examples[j]!.ids.length)) / 16) * 16,
    });
  }
  return out;
}
