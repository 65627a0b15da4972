// The forward pass in stages. A stage is done tile by tile, in any order and by any thread, and ends before the next begins:
// stage 0 embeds and projects to the queries, keys and values of block 0; stage i finishes block i - 1 and projects those of
// block i; the last finishes the last block. Within a stage a tile stays in the cache.
import type { Bank } from '../kernels/program.js';
import type { Scratch } from './buffers.js';
import type { Norm } from './layers.js';
import { applyLinear, type Input, type InputForm, inputOf, type Linear } from './linear.js';
import type { Plan } from './plan.js';
import { addRows } from './tables.js';
import { paddedFeatures, type Sequence } from './tiles.js';

/** One thread at work: the kernels of every tile width in the memory, and its own buffers. */
export interface Thread {
  readonly plan: Plan;
  readonly banks: readonly Bank[];
  readonly scratch: Scratch;
  readonly f32: Float32Array;
}

/** A tile of a sequence. */
export interface Unit {
  readonly sequence: Sequence;
  readonly tile: number;
}

export const stagesOf = ({ blocks }: Plan): number => blocks.length + 1;

/** The units of a stage. With `firstOnly` the last block is computed for the first tile of each sequence alone. */
export function unitsOf(
  plan: Plan,
  sequences: readonly Sequence[],
  stage: number,
  firstOnly: boolean,
): Unit[] {
  const all = !firstOnly || stage < plan.blocks.length || stage === 0;
  return sequences.flatMap((sequence) =>
    Array.from({ length: all ? sequence.tiles : 1 }, (_, tile) => ({ sequence, tile })),
  );
}

/** The kernels for tiles of a width. */
export const bankOf = ({ banks }: Pick<Thread, 'banks'>, tile: number): Bank =>
  banks.find((bank) => bank.tile === tile)!;

/** Address of the hidden states of a tile. */
export const statesAt = ({ shared, hidden }: Plan, { first, tile }: Sequence, index: number): number =>
  shared.x + 4 * paddedFeatures(hidden) * (first + index * tile);

export function runStage(thread: Thread, stage: number, unit: Unit, firstOnly: boolean): void {
  const { blocks } = thread.plan;
  const bank = bankOf(thread, unit.sequence.tile);
  if (stage === 0) embed(thread, bank, unit);
  else finishBlock(thread, bank, stage - 1, unit);
  const next = blocks[stage];
  if (!next) return;
  const last = stage === blocks.length - 1;
  project(thread, bank, stage, unit, !(last && firstOnly) || unit.tile === 0);
}

/** Hidden states before the first block. */
function embed({ plan, scratch, f32 }: Thread, bank: Bank, { sequence, tile: index }: Unit): void {
  const { hidden: features, shared, embeddings } = plan;
  const { words, positions, types, norm } = embeddings;
  const { tile, first } = sequence;
  const start = first + index * tile;
  const tokens = Math.min(tile, sequence.tokens - index * tile);
  const x = statesAt(plan, sequence, index);
  const places = scratch.sum;
  for (const at of [x, places]) f32.fill(0, at / 4, at / 4 + features * tile);
  addRows(bank, words, { rows: shared.ids + 4 * start, tokens, y: x, features });
  addRows(bank, positions, { rows: shared.positions + 4 * start, tokens, y: places, features });
  if (types) addRows(bank, types, { rows: shared.types + 4 * start, tokens, y: places, features });
  addNorm(plan, bank, x, places, x, norm);
}

/** Each layer over the same tile x, into a place of its own; what the quantised ones read is made once. */
export function applyLinears(
  bank: Bank,
  { quantised: q, tokenScales: scales }: Scratch,
  x: number,
  layers: readonly (readonly [layer: Linear, y: number])[],
): void {
  let made: InputForm = 'f32';
  for (const [layer, y] of layers) {
    const form = inputOf(layer);
    if (form !== made && form !== 'f32') {
      const quantise = form === 'q15' ? bank.quantiseQ15 : bank.quantiseInt8;
      quantise({ x, q, scales, features: layer.columns });
      made = form;
    }
    const input: Input = { x: form === 'f32' ? x : q, tokenScales: scales };
    applyLinear(bank, layer, input, y);
  }
}

/** Queries (if they are wanted), keys and values of a tile. */
function project(
  { plan, scratch }: Thread,
  bank: Bank,
  index: number,
  { sequence, tile }: Unit,
  withQuery: boolean,
): void {
  const { shared, blocks } = plan;
  const { attention } = blocks[index]!;
  if (!attention) return;
  const { query, key, value } = attention;
  const at = (sequence.first + tile * sequence.tile) * shared.headBytes;
  const parity = index & 1;
  const both = [
    [key, shared.key[parity]! + at],
    [value, shared.value[parity]! + at],
  ] as const;
  const x = statesAt(plan, sequence, tile);
  applyLinears(bank, scratch, x, withQuery ? [[query, shared.query + at], ...both] : both);
}

/** Hidden states of a tile after the block, in place. */
function finishBlock(thread: Thread, bank: Bank, index: number, unit: Unit): void {
  const { plan, scratch } = thread;
  const block = plan.blocks[index]!;
  const x = statesAt(plan, unit.sequence, unit.tile);
  const { context, sum, middle, wide } = scratch;
  if (block.attention) attend(thread, bank, index, unit);
  applyLinears(bank, scratch, context, [[block.attended, sum]]);
  addNorm(plan, bank, sum, x, middle, block.attendedNorm);
  if (block.wide) {
    applyLinears(bank, scratch, middle, [[block.wide, wide]]);
    bank.gelu({ x: wide, n: block.wide.rows * bank.tile });
  }
  applyLinears(bank, scratch, wide, [[block.narrow, sum]]);
  addNorm(plan, bank, sum, middle, x, block.norm);
}

/** The context of the queries of a tile. */
function attend({ plan, scratch }: Thread, bank: Bank, index: number, { sequence, tile }: Unit): void {
  const { shared, headSize, blocks } = plan;
  const block = blocks[index]!;
  const tileBytes = sequence.tile * shared.headBytes;
  const first = sequence.first * shared.headBytes;
  bank.attention({
    q: shared.query + first + tile * tileBytes,
    k: shared.key[index & 1]! + first,
    v: shared.value[index & 1]! + first,
    out: scratch.context,
    scores: scratch.scores,
    heads: (block.attention?.query.rows ?? 0) / headSize,
    keys: sequence.tokens,
    tileBytes,
  });
}

/** y = LayerNorm(a + b). */
function addNorm(
  { hidden: features, epsilon }: Plan,
  bank: Bank,
  a: number,
  b: number,
  y: number,
  norm: Norm,
): void {
  bank.addNorm({ a, b, y, ...norm, features, epsilon });
}
