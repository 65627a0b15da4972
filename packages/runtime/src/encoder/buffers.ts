// What a forward pass writes: places that all threads share, and those that each has of its own.
import { scoreBytes } from '../kernels/scores.js';
import type { Arena } from './arena.js';
import { paddedFeatures, WIDEST } from './tiles.js';
import type { EncoderOf } from './weights.js';

/** All that sizes of buffers depend on. */
type Sizes = EncoderOf<{ readonly rows: number }, unknown, unknown>;

/** Addresses; every token of a batch has room in each. */
export interface Shared {
  /** i32 [tokens]: rows of the embedding tables. */
  readonly ids: number;
  readonly positions: number;
  readonly types: number;
  /** Hidden states f32, [features, tile] of each tile. */
  readonly x: number;
  /** Keys and values of a block stand in turn in the first and second of two places. */
  readonly query: Projected;
  readonly key: readonly [Projected, Projected];
  readonly value: readonly [Projected, Projected];
  /** Bytes that one token has in them, and in their scales. */
  readonly headBytes: number;
  readonly scaleBytes: number;
}

/** Queries, keys or values of each tile: f32 [rows, tile], or as quantise-heads.ts has them. */
export interface Projected {
  readonly at: number;
  /** Not of f32. */
  readonly scales: number;
}

/** Addresses of f32 buffers, [features, tile] of one tile. */
export interface Scratch {
  readonly context: number;
  readonly scores: number;
  readonly wide: number;
  readonly sum: number;
  readonly middle: number;
  /** Quantised input of a layer, and its scales. */
  readonly quantised: number;
  readonly tokenScales: number;
}

const most = (counts: readonly number[]): number => paddedFeatures(Math.max(0, ...counts));

const attendedRows = ({ blocks }: Sizes): number =>
  most(blocks.map(({ attention }) => attention?.query.rows ?? 0));

/** For batches of at most `tokens`, padding included. */
export function placeShared(arena: Arena, weights: Sizes, tokens: number): Shared {
  const { hidden, headSize } = weights;
  const rows = attendedRows(weights);
  const heads = Math.ceil(rows / headSize);
  const headBytes = 4 * rows;
  const scaleBytes = 4 * heads;
  const numbers = (): number => arena.place(4 * tokens);
  const projected = (): Projected => ({
    at: arena.place(headBytes * tokens),
    scales: arena.place(scaleBytes * tokens),
  });
  return {
    ...{ ids: numbers(), positions: numbers(), types: numbers() },
    x: arena.place(4 * paddedFeatures(hidden) * tokens),
    ...{ query: projected(), key: [projected(), projected()], value: [projected(), projected()] },
    ...{ headBytes, scaleBytes },
  };
}

/** For sequences of at most `length` tokens, padding included. */
export function placeScratch(arena: Arena, weights: Sizes, length: number): Scratch {
  const { hidden, headSize, blocks, head } = weights;
  const attended = attendedRows(weights);
  const wide = most(blocks.map((block) => block.wide?.rows ?? 0));
  const out = most([hidden, head?.output.rows ?? 0]);
  const floats = (features: number): number => arena.place(4 * features * WIDEST);
  return {
    context: floats(attended),
    scores: arena.place(scoreBytes({ tile: WIDEST, headSize }, length)),
    wide: floats(wide),
    sum: floats(out),
    middle: floats(out),
    quantised: arena.place(2 * Math.max(attended, wide, out) * WIDEST),
    tokenScales: floats(1),
  };
}
