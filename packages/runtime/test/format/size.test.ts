// The bytes of sparse matrices against the entropy of their pattern and values, and against float32: Gaussian weights
// with 90 % zeros by magnitude, in BERT-base's smallest shape.
import { expect, test } from 'vitest';
import { encodeTensor } from '../../src/format/encode-tensor.js';
import { toSparse1x4, toSparseCodebook, toSparseInt8 } from '../../src/format/sparsify.js';
import type { PackTensor } from '../../src/format/tensors.js';
import { entropy, gaussian, maskEntropy, pruned } from './weights.js';

interface Goal {
  readonly name: string;
  readonly width: number;
  readonly pack: (shape: number[], values: Float32Array) => PackTensor;
  readonly ratio: number;
}

const GOALS: readonly Goal[] = [
  { name: 'int8', width: 1, pack: toSparseInt8, ratio: 29 },
  { name: 'codebook', width: 1, pack: toSparseCodebook, ratio: 36 },
  { name: '1x4 int8', width: 4, pack: toSparse1x4, ratio: 37 },
];

/** The smaller a matrix, the more its tables weigh; the larger ones of BERT-base are nearer to the entropy. */
const [ROWS, COLUMNS] = [768, 768];
const SIZE = ROWS * COLUMNS;

test.each(GOALS)('$name at 90 %: at least $ratio times smaller, within 3 % of the entropy', (goal) => {
  const tensor = goal.pack([ROWS, COLUMNS], pruned(gaussian(SIZE, 1), 0.9, goal.width));
  const { bytes } = encodeTensor(tensor);
  if (!('starts' in tensor)) throw new Error('expected a sparse tensor');
  const kept = tensor.columns.length;
  const places = SIZE / goal.width;
  const floor = places * maskEntropy(kept / places) + tensor.data.length * entropy(tensor.data);
  expect((8 * bytes.length) / floor).toBeLessThan(1.03);
  expect((4 * SIZE) / bytes.length).toBeGreaterThan(goal.ratio);
});
