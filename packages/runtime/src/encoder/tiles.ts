// How tokens stand in tiles: a sequence has tiles of its own, of one width, the last one filled up with padding.
import type { Shape } from '../kernels/kernel.js';

export type TileWidth = Shape['tile'];
export const WIDEST = 32;
export const TILE_WIDTHS: readonly TileWidth[] = [8, 16, WIDEST];

/** The narrowest width that holds the sequence in one tile, otherwise the widest. */
export const tileFor = (tokens: number): TileWidth => TILE_WIDTHS.find((width) => tokens <= width) ?? WIDEST;

/** Tokens with padding. */
export const paddedTokens = (tokens: number): number => {
  const tile = tileFor(tokens);
  return tile * Math.ceil(tokens / tile);
};

/** Features of a buffer that layers read and write: int8 blocks and pairs of rows may reach past the last. */
export const paddedFeatures = (features: number): number => 4 * Math.ceil(features / 4);

/** A sequence of a batch. */
export interface Sequence {
  readonly tokens: number;
  readonly tile: TileWidth;
  readonly tiles: number;
  /** Padded tokens of the batch before it. */
  readonly first: number;
}

/** Gives places to the first sequences, by their lengths, that have room together in so many tokens. */
export function placeSequences(lengths: readonly number[], capacity: number): Sequence[] {
  const sequences: Sequence[] = [];
  let first = 0;
  for (const tokens of lengths) {
    const padded = paddedTokens(tokens);
    if (first + padded > capacity) break;
    const tile = tileFor(tokens);
    sequences.push({ tokens, tile, tiles: padded / tile, first });
    first += padded;
  }
  return sequences;
}
