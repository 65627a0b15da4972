// How tokens stand in tiles: a sequence has tiles of its own, the first of them as narrow as may be, since the last block of a
// classifier computes no other; what is over is padding.
import type { Shape } from '../kernels/kernel.js';

export type TileWidth = Shape['tile'];
export const WIDEST = 32;
export const TILE_WIDTHS: readonly TileWidth[] = [8, 16, WIDEST];

/** The narrowest width that holds so many tokens, otherwise the widest. */
export const tileFor = (tokens: number): TileWidth => TILE_WIDTHS.find((width) => tokens <= width) ?? WIDEST;

export interface Tile {
  readonly width: TileWidth;
  /** Padded tokens of the sequence before it. */
  readonly start: number;
}

/** Narrowest first tile of a longer sequence: a narrower one would take as long. */
const LEAST_FIRST = 16;

/** Tiles of a sequence: of one width, but where they may be `mixed`, the first is as narrow as the tokens that are over. */
export function tilesOf(tokens: number, mixed: boolean): readonly Tile[] {
  const count = Math.ceil(tokens / WIDEST);
  const over = tokens - WIDEST * (count - 1);
  const first = count === 1 ? tileFor(tokens) : mixed && over <= LEAST_FIRST ? LEAST_FIRST : WIDEST;
  return Array.from({ length: count }, (_, i) =>
    i === 0 ? { width: first, start: 0 } : { width: WIDEST, start: first + WIDEST * (i - 1) },
  );
}

/** Tokens of tiles, padding included. */
export const tokensIn = (tiles: readonly Tile[]): number => tiles.reduce((sum, { width }) => sum + width, 0);

/** Features of a buffer that layers read and write: int8 blocks and pairs of rows may reach past the last. */
export const paddedFeatures = (features: number): number => 4 * Math.ceil(features / 4);

/** A sequence of a batch. */
export interface Sequence {
  readonly tokens: number;
  readonly tiles: readonly Tile[];
  /** Padded tokens of the batch before it. */
  readonly first: number;
}

/** Gives places to the first sequences, by their lengths, that have room together in so many tokens. */
export function placeSequences(lengths: readonly number[], capacity: number, mixed: boolean): Sequence[] {
  const sequences: Sequence[] = [];
  let first = 0;
  for (const tokens of lengths) {
    const tiles = tilesOf(tokens, mixed);
    const padded = tokensIn(tiles);
    if (first + padded > capacity) break;
    sequences.push({ tokens, tiles, first });
    first += padded;
  }
  return sequences;
}
