// The encoder's layers in the memory: plain numbers, the same for every thread.
import type { Levels } from '../kernels/program.js';
import { type Arena, placeFloats } from './arena.js';
import { type Linear, placeLinear } from './linear.js';
import type { BlockWeights, NormWeights } from './weights.js';

export interface Norm {
  readonly gain: number;
  readonly bias: number;
}

export interface Block {
  readonly attention?: { readonly query: Linear; readonly key: Linear; readonly value: Linear };
  readonly attended: Linear;
  readonly attendedNorm: Norm;
  readonly wide?: Linear;
  readonly narrow: Linear;
  readonly norm: Norm;
}

export const placeNorm = (arena: Arena, { gain, bias }: NormWeights): Norm => ({
  gain: placeFloats(arena, gain),
  bias: placeFloats(arena, bias),
});

export function placeBlock(arena: Arena, name: string, block: BlockWeights, levels: Levels): Block {
  const linear = (role: 'attended' | 'narrow'): Linear =>
    placeLinear(arena, `${name}.${role}`, block[role], levels);
  const { attention, wide } = block;
  return {
    ...(attention && {
      attention: {
        query: placeLinear(arena, `${name}.query`, attention.query, levels),
        key: placeLinear(arena, `${name}.key`, attention.key, levels),
        value: placeLinear(arena, `${name}.value`, attention.value, levels),
      },
    }),
    ...(wide && { wide: placeLinear(arena, `${name}.wide`, wide, levels) }),
    attended: linear('attended'),
    attendedNorm: placeNorm(arena, block.attendedNorm),
    narrow: linear('narrow'),
    norm: placeNorm(arena, block.norm),
  };
}
