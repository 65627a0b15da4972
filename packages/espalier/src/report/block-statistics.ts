// Whether zeros come in 1x4 blocks: what part of a matrix's blocks of four consecutive inputs is all zero. Under a 1x4
// pattern that is the sparsity itself; where zeros fall singly it is about the fourth power of it.
import { eachBlock } from '../engine/blocks.js';
import { familyOf } from '../models/families.js';
import type { Model } from '../models/model.js';

export interface BlockStatistics {
  /** Fraction of weights that are zero. */
  readonly sparsity: number;
  /** Fraction of blocks without a weight. */
  readonly zeroBlocks: number;
  /** Fraction of the zeros that lie in such blocks: 1 under a 1x4 pattern. */
  readonly covered: number;
}

export interface NamedBlocks extends BlockStatistics {
  readonly name: string;
}

/** Statistics of a row-major matrix [out, in] that has zeros. */
export function blockStatistics(weights: Float32Array, columns: number): BlockStatistics {
  let [zeros, covered, blocks, zeroBlocks] = [0, 0, 0, 0];
  eachBlock(weights.length, columns, (from, to) => {
    let found = 0;
    for (let i = from; i < to; i++) if (weights[i] === 0) found++;
    zeros += found;
    blocks++;
    if (found < to - from) return;
    zeroBlocks++;
    covered += found;
  });
  return { sparsity: zeros / weights.length, zeroBlocks: zeroBlocks / blocks, covered: covered / zeros };
}

/** Statistics of every matrix [out, in] of the encoder's blocks that has zeros. */
export function blockPatterns({ config, tensors }: Model): NamedBlocks[] {
  const { encoderLinear } = familyOf(config);
  return [...tensors].flatMap(([name, { shape, data }]) => {
    if (!encoderLinear.test(name) || shape.length !== 2 || !data.includes(0)) return [];
    return [{ name, ...blockStatistics(data, shape[1]!) }];
  });
}
