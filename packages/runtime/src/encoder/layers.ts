// The encoder's layers in the memory, and the buffers that one sequence at a time needs.
import { scoreBytes } from '../kernels/attention.js';
import type { Levels } from '../kernels/self-test.js';
import { type Arena, placeFloats } from './arena.js';
import { type Linear, placeLinear } from './linear.js';
import { paddedFeatures, WIDEST } from './tiles.js';
import type { BlockWeights, EncoderWeights, NormWeights } from './weights.js';

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

/** Addresses of f32 buffers, [features, tile] of one tile unless said otherwise. */
export interface Buffers {
  /** [tiles, features, tile] of the longest sequence. */
  readonly query: number;
  readonly key: number;
  readonly value: number;
  readonly context: number;
  readonly scores: number;
  readonly wide: number;
  readonly sum: number;
  readonly middle: number;
  /** Quantised input of a layer, and its scales. */
  readonly quantised: number;
  readonly tokenScales: number;
}

/** Buffers for sequences of at most `tokens`, padding included. */
export function placeBuffers(
  arena: Arena,
  { hidden, headSize, blocks, head }: EncoderWeights,
  tokens: number,
): Buffers {
  const most = (counts: readonly number[]): number => paddedFeatures(Math.max(0, ...counts));
  const attended = most(blocks.map(({ attention }) => attention?.query.rows ?? 0));
  const wide = most(blocks.map((block) => block.wide?.rows ?? 0));
  const out = most([hidden, head?.output.rows ?? 0]);
  const floats = (features: number, count: number): number => arena.place(4 * features * count);
  return {
    query: floats(attended, tokens),
    key: floats(attended, tokens),
    value: floats(attended, tokens),
    context: floats(attended, WIDEST),
    scores: arena.place(scoreBytes({ tile: WIDEST, headSize }, tokens)),
    wide: floats(wide, WIDEST),
    sum: floats(out, WIDEST),
    middle: floats(out, WIDEST),
    quantised: arena.place(2 * Math.max(attended, wide, out) * WIDEST),
    tokenScales: floats(1, WIDEST),
  };
}
