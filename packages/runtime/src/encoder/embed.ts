// Token ids to hidden states: rows of the tables into the lanes of a tile.
import { addNorm, type Context } from './forward.js';
import { RuntimeError } from './errors.js';
import type { Norm } from './layers.js';
import { paddedFeatures, type Sequence } from './tiles.js';
import type { EncoderWeights, Table, Table4 } from './weights.js';

/** Ids of one sequence, special tokens included, without padding. */
export interface Tokens {
  readonly ids: ArrayLike<number>;
  /** Zeros if left out. */
  readonly typeIds?: ArrayLike<number>;
}

/** Adds a row of a table to the lane that begins at `at`; throws where there is no such row. */
function addRow(
  name: string,
  table: Table | Table4,
  row: number,
  hidden: number,
  f32: Float32Array,
  at: number,
  tile: number,
): void {
  if (!(Number.isInteger(row) && row >= 0 && row < table.rows))
    throw new RuntimeError(
      'tokens',
      `${name}: expected one from 0 to ${table.rows - 1}, found ${row}; is it another tokenizer's?`,
    );
  if ('nibbles' in table) {
    addNibbles(table, row, hidden, f32, at, tile);
    return;
  }
  const { values, scales } = table;
  const scale = scales?.[row] ?? 1;
  for (let i = 0; i < hidden; i++) f32[at + i * tile]! += values[row * hidden + i]! * scale;
}

function addNibbles(
  { nibbles, group, scales }: Table4,
  row: number,
  hidden: number,
  f32: Float32Array,
  at: number,
  tile: number,
): void {
  const [first, groups] = [row * Math.ceil(hidden / 2), Math.ceil(hidden / group)];
  for (let i = 0; i < hidden; i++) {
    const value = ((nibbles[first + (i >>> 1)]! >>> (4 * (i & 1))) & 15) - 8;
    f32[at + i * tile]! += value * scales[row * groups + Math.floor(i / group)]!;
  }
}

/** Hidden states before the first block. */
export function embed(
  context: Context,
  { hidden, embeddings }: EncoderWeights,
  norm: Norm,
  { ids, typeIds }: Tokens,
  { tile, tiles, tokens, x }: Sequence,
  f32: Float32Array,
): void {
  const { words, positions, types, firstPosition } = embeddings;
  const places = context.buffers.sum;
  for (let t = 0; t < tiles; t++) {
    const at = x + 4 * t * tile * paddedFeatures(hidden);
    for (const start of [at, places]) f32.fill(0, start / 4, start / 4 + hidden * tile);
    for (let lane = 0; lane < Math.min(tile, tokens - t * tile); lane++) {
      const token = t * tile + lane;
      addRow('id', words, ids[token]!, hidden, f32, at / 4 + lane, tile);
      addRow('position', positions, firstPosition + token, hidden, f32, places / 4 + lane, tile);
      if (types) {
        const type = types.rows === 1 ? 0 : (typeIds?.[token] ?? 0);
        addRow('token type', types, type, hidden, f32, places / 4 + lane, tile);
      }
    }
    addNorm(context, at, places, at, norm);
  }
}
