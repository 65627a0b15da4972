// The forward pass in stages. A stage is done tile by tile, in any order and by any thread, and ends before the next begins:
// stage 0 embeds and projects to the queries, keys and values of block 0; stage i finishes block i - 1 and projects those of
// block i; the last finishes the last block. Within a stage a tile stays in the cache.
import { tokensTogether } from '../kernels/kernel.js';
import type { Bank } from '../kernels/program.js';
import type { Scratch } from './buffers.js';
import type { Block, Norm } from './layers.js';
import { applyLinear, type Input, type InputForm, inputOf, type Linear } from './linear.js';
import type { Plan } from './plan.js';
import { addRows } from './tables.js';
import { paddedFeatures, type Sequence, type Tile } from './tiles.js';
import { attentionForm, GELU_BEFORE } from './used-kernels.js';

/** One thread at work: the kernels of the tile widths that were needed so far, on the memory, and its own buffers. */
export interface Thread {
  readonly plan: Plan;
  readonly banks: Bank[];
  readonly scratch: Scratch;
  readonly f32: Float32Array;
}

/** A tile of a sequence that has so many tokens, and padded ones before it in the batch. */
export interface Unit extends Tile {
  readonly tokens: number;
  readonly first: number;
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
  return sequences.flatMap(({ tokens, first, tiles }) =>
    (all ? tiles : tiles.slice(0, 1)).map((tile) => ({ ...tile, tokens, first })),
  );
}

/** The kernels for tiles of a width. */
export const bankOf = ({ banks }: Pick<Thread, 'banks'>, width: number): Bank =>
  banks.find(({ tile }) => tile === width)!;

/** Address of the hidden states of a tile, given the padded tokens of the batch before it. */
export const statesAt = ({ shared, hidden }: Plan, before: number): number =>
  shared.x + 4 * paddedFeatures(hidden) * before;

export function runStage(thread: Thread, stage: number, unit: Unit, firstOnly: boolean): void {
  const { blocks } = thread.plan;
  const bank = bankOf(thread, unit.width);
  if (stage === 0) embed(thread, bank, unit);
  else finishBlock(thread, bank, stage - 1, unit);
  const next = blocks[stage];
  if (!next) return;
  const last = stage === blocks.length - 1;
  project(thread, bank, stage, unit, !(last && firstOnly) || unit.start === 0);
}

/** Hidden states before the first block. */
function embed({ plan, scratch, f32 }: Thread, bank: Bank, { first, start, width, tokens: all }: Unit): void {
  const { hidden: features, shared, embeddings } = plan;
  const { words, positions, types, norm } = embeddings;
  const before = first + start;
  const tokens = Math.min(width, all - start);
  const x = statesAt(plan, before);
  const places = scratch.sum;
  for (const at of [x, places]) f32.fill(0, at / 4, at / 4 + features * width);
  addRows(bank, words, { rows: shared.ids + 4 * before, tokens, y: x, features });
  addRows(bank, positions, { rows: shared.positions + 4 * before, tokens, y: places, features });
  if (types) addRows(bank, types, { rows: shared.types + 4 * before, tokens, y: places, features });
  addNorm(plan, bank, x, places, x, norm);
}

/** What makes the quantised forms. */
const QUANTISE = { q15: 'quantiseQ15', int8: 'quantiseInt8', quads: 'quantiseQuads' } as const;

/** What layers read of a tile x: f32, or its quantised form, which is made when a layer first asks for it. */
function reader(bank: Bank, { quantised: q, tokenScales }: Scratch, x: number): (layer: Linear) => Input {
  let made: InputForm = 'f32';
  return (layer) => {
    const form = inputOf(layer);
    if (form === 'f32') return { x, tokenScales };
    if (form !== made) {
      bank[QUANTISE[form]]({ x, q, scales: tokenScales, features: layer.columns });
      made = form;
    }
    return { x: q, tokenScales };
  };
}

/** y = W x + b of a tile. */
export function apply(bank: Bank, scratch: Scratch, layer: Linear, x: number, y: number): void {
  applyLinear(bank, layer, reader(bank, scratch, x)(layer), y);
}

/** In what a block's attention is computed. */
const attentionOf = ({ headSize }: Plan, { attention }: Block) =>
  attentionForm(attention?.query.form ?? 'f32', headSize);

/** What makes the fixed-point forms of queries, keys and values. */
const QUANTISE_HEADS = {
  q15: { query: 'quantiseHeads', key: 'quantiseHeads', value: 'quantiseValues' },
  int8: { query: 'quantiseQueries', key: 'quantiseKeys', value: 'quantiseByteValues' },
} as const;

/** Bytes of all heads of the tokens whose quantised heads stand together, and of their scales. */
const keyTiles = ({ shared: { headBytes, scaleBytes } }: Plan, { tile }: Bank) => {
  const tokens = tokensTogether({ tile });
  return { tileBytes: tokens * headBytes, scaleBytes: tokens * scaleBytes };
};

const headsOf = ({ headSize }: Plan, { attention }: Block): number => (attention?.query.rows ?? 0) / headSize;

/** Queries (if they are wanted), keys and values of a tile. */
function project(
  { plan, scratch }: Thread,
  bank: Bank,
  index: number,
  { first, start }: Unit,
  withQuery: boolean,
): void {
  const { shared, blocks } = plan;
  const block = blocks[index]!;
  if (!block.attention) return;
  const { query, key, value } = block.attention;
  const parity = index & 1;
  const layers = [
    ...(withQuery ? [{ layer: query, to: shared.query, as: 'query' } as const] : []),
    { layer: key, to: shared.key[parity]!, as: 'key' } as const,
    { layer: value, to: shared.value[parity]!, as: 'value' } as const,
  ];
  const before = first + start;
  const x = statesAt(plan, before);
  const form = attentionOf(plan, block);
  const heads = headsOf(plan, block);
  const input = reader(bank, scratch, x);
  const apart = keyTiles(plan, bank);
  for (const { layer, to, as } of layers) {
    const [q, scales] = [to.at + before * shared.headBytes, to.scales + before * shared.scaleBytes];
    applyLinear(bank, layer, input(layer), form === 'f32' ? q : scratch.context);
    if (form !== 'f32') bank[QUANTISE_HEADS[form][as]]({ x: scratch.context, q, scales, heads, ...apart });
  }
}

/** Hidden states of a tile after the block, in place. */
function finishBlock(thread: Thread, bank: Bank, index: number, unit: Unit): void {
  const { plan, scratch } = thread;
  const block = plan.blocks[index]!;
  const x = statesAt(plan, unit.first + unit.start);
  const { context, sum, middle, wide } = scratch;
  if (block.attention) attend(thread, bank, index, unit);
  apply(bank, scratch, block.attended, context, sum);
  addNorm(plan, bank, sum, x, middle, block.attendedNorm);
  if (block.wide) {
    apply(bank, scratch, block.wide, middle, wide);
    bank[GELU_BEFORE[block.narrow.form]]({ x: wide, n: block.wide.rows * bank.tile });
  }
  apply(bank, scratch, block.narrow, wide, sum);
  addNorm(plan, bank, sum, middle, x, block.norm);
}

/** The context of the queries of a tile. */
function attend(
  { plan, scratch }: Thread,
  bank: Bank,
  index: number,
  { tokens: keys, first, start, width }: Unit,
): void {
  const { shared, blocks } = plan;
  const { headBytes, scaleBytes } = shared;
  const [key, value] = [shared.key[index & 1]!, shared.value[index & 1]!];
  const query = first + start;
  const [q, k, v] = [
    shared.query.at + query * headBytes,
    key.at + first * headBytes,
    value.at + first * headBytes,
  ];
  const { context: out, scores } = scratch;
  const heads = headsOf(plan, blocks[index]!);
  const form = attentionOf(plan, blocks[index]!);
  if (form === 'f32') bank.attention({ q, k, v, out, scores, heads, keys, tileBytes: width * headBytes });
  else {
    const queryScales = shared.query.scales + query * scaleBytes;
    const [keyScales, valueScales] = [key.scales + first * scaleBytes, value.scales + first * scaleBytes];
    // prettier-ignore
    bank[form === 'q15' ? 'attentionFixed' : 'attentionInt8']({
      q, k, v, queryScales, keyScales, valueScales, out, scores, heads, keys, ...keyTiles(plan, bank),
    });
  }
}

/** y = LayerNorm(a + b). */
function addNorm(
  { hidden: features, epsilon }: Plan,
  bank: Bank,
  a: number,
  b: number,
  y: number,
  { gain, bias }: Norm,
): void {
  bank.addNorm({ a, b, y, gain, bias, features, epsilon });
}
