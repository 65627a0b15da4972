// The encoder's parts in the memory: plain numbers, the same for every thread.
import type { Levels } from '../kernels/program.js';
import { type Arena, placeFloats } from './arena.js';
import { type Linear, placeLinear } from './linear.js';
import { checkWeights } from './check-weights.js';
import { mapEncoder } from './map-encoder.js';
import { type PlacedTable, placeTable } from './tables.js';
import type { BlockOf, EncoderOf, EncoderWeights, HeadOf, NormWeights } from './weights.js';

export interface Norm {
  readonly gain: number;
  readonly bias: number;
}

export type Block = BlockOf<Linear, Norm>;
export type Head = HeadOf<Linear>;
export type PlacedEncoder = EncoderOf<Linear, PlacedTable, Norm>;

export const placeNorm = (arena: Arena, { gain, bias }: NormWeights): Norm => ({
  gain: placeFloats(arena, gain),
  bias: placeFloats(arena, bias),
});

/** Checks all arrays and copies them. */
export function placeWeights(arena: Arena, weights: EncoderWeights, levels: Levels): PlacedEncoder {
  checkWeights(weights);
  return mapEncoder(weights, {
    linear: (of, name) => placeLinear(arena, name, of, levels),
    table: (of, name) => placeTable(arena, name, of, weights.hidden),
    norm: (of) => placeNorm(arena, of),
  });
}
