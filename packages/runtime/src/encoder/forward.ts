// One block over one sequence: queries, keys and values of all its tiles, then everything else tile by tile, while the tile
// is in the cache.
import type { Bank } from './bank.js';
import type { Block, Buffers, Norm } from './layers.js';
import type { Input, InputForm, Linear } from './linear.js';
import { paddedFeatures, type Sequence } from './tiles.js';

export interface Context {
  readonly bank: Bank;
  readonly buffers: Buffers;
  readonly hidden: number;
  readonly headSize: number;
  readonly epsilon: number;
}

/** Each layer over the same tile x, into a place of its own; what the quantised ones read is made once. */
export function applyLinears(
  { bank, buffers }: Context,
  x: number,
  layers: readonly (readonly [layer: Linear, y: number])[],
): void {
  const { quantised: q, tokenScales: scales } = buffers;
  let made: InputForm = 'f32';
  for (const [layer, y] of layers) {
    if (layer.input !== made && layer.input !== 'f32') {
      const quantise = layer.input === 'q15' ? bank.quantiseQ15 : bank.quantiseInt8;
      quantise({ x, q, scales, features: layer.columns });
      made = layer.input;
    }
    const input: Input = { x: layer.input === 'f32' ? x : q, tokenScales: scales };
    layer.apply(bank, input, y);
  }
}

/** Hidden states of the sequence after the block, in place; with `firstOnly` those of its first tile alone. */
export function applyBlock(context: Context, block: Block, sequence: Sequence, firstOnly: boolean): void {
  const { buffers } = context;
  const { tiles, tile, x } = sequence;
  const xBytes = 4 * tile * paddedFeatures(context.hidden);
  const rows = block.attention?.query.rows ?? 0;
  const tileBytes = 4 * tile * paddedFeatures(rows);
  const wanted = firstOnly ? 1 : tiles;
  if (block.attention) {
    const { query, key, value } = block.attention;
    for (let t = 0; t < tiles; t++) {
      const to = (layer: Linear, buffer: number) => [layer, buffer + t * tileBytes] as const;
      const both = [to(key, buffers.key), to(value, buffers.value)];
      applyLinears(context, x + t * xBytes, t < wanted ? [to(query, buffers.query), ...both] : both);
    }
  }
  for (let t = 0; t < wanted; t++) {
    if (block.attention) attend(context, rows / context.headSize, sequence.tokens, t, tileBytes);
    applyTile(context, block, x + t * xBytes);
  }
}

/** The context of the queries of tile t. */
function attend({ bank, buffers }: Context, heads: number, keys: number, t: number, tileBytes: number): void {
  bank.attention({
    q: buffers.query + t * tileBytes,
    k: buffers.key,
    v: buffers.value,
    out: buffers.context,
    scores: buffers.scores,
    heads,
    keys,
    tileBytes,
  });
}

/** What follows attention, of one tile. */
function applyTile(context: Context, block: Block, x: number): void {
  const { bank, buffers } = context;
  const { sum, middle, wide } = buffers;
  applyLinears(context, buffers.context, [[block.attended, sum]]);
  addNorm(context, sum, x, middle, block.attendedNorm);
  if (block.wide) {
    applyLinears(context, middle, [[block.wide, wide]]);
    bank.gelu({ x: wide, n: block.wide.rows * bank.tile });
  }
  applyLinears(context, wide, [[block.narrow, sum]]);
  addNorm(context, sum, middle, x, block.norm);
}

/** y = LayerNorm(a + b). */
export function addNorm(
  { bank, hidden: features, epsilon }: Context,
  a: number,
  b: number,
  y: number,
  norm: Norm,
): void {
  bank.addNorm({ a, b, y, ...norm, features, epsilon });
}
