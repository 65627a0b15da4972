// Encoders of BERT's kind (Devlin et al., 2018; Liu et al., 2019; Sanh et al., 2019) over sparse layers: one memory, planned
// for the largest batch, and plain functions from token ids to numbers.
import { availableLevels } from '../kernels/bind.js';
import type { Level } from '../kernels/kernel.js';
import { type Levels, selfTest } from '../kernels/self-test.js';
import { planMemory } from './arena.js';
import { bank } from './bank.js';
import { embed, type Tokens } from './embed.js';
import { RuntimeError } from './errors.js';
import { applyBlock, type Context } from './forward.js';
import {
  classify,
  type Head,
  meanState,
  placeHead,
  type SpanLogits,
  spans,
  tokenState,
  tokenStates,
} from './head.js';
import { placeBlock, placeBuffers, placeNorm } from './layers.js';
import { paddedFeatures, paddedTokens, type Sequence, TILE_WIDTHS, tileFor } from './tiles.js';
import type { EncoderWeights } from './weights.js';

export interface EncoderOptions {
  /** Rows and tokens of the largest batch that is computed at once; longer batches are cut into such. */
  readonly largest: { readonly rows: number; readonly length: number };
  /** Instructions that may be used, best first; by default all that the engine has. */
  readonly levels?: readonly Level[];
}

/** Everything is computed before a call returns. Results do not share memory with the encoder. */
export interface Encoder {
  /** What the self-test has chosen. */
  readonly levels: Levels;
  /** Bytes of the linear memory. */
  readonly bytes: number;
  /** Hidden states of all tokens, [tokens, hidden] of each sequence. */
  hidden(batch: readonly Tokens[]): Float32Array[];
  /** Hidden states of the first token, [hidden]. */
  first(batch: readonly Tokens[]): Float32Array[];
  /** Mean of the hidden states, [hidden]. */
  mean(batch: readonly Tokens[]): Float32Array[];
  /** Logits [labels], or one number of a regression. */
  classify(batch: readonly Tokens[]): Float32Array[];
  spans(batch: readonly Tokens[]): SpanLogits[];
  /** Gives the memory back; the encoder cannot be used after it. */
  dispose(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Checks and copies the weights into a memory of their own, and tests the kernels. */
export function createEncoder(weights: EncoderWeights, options: EncoderOptions): Encoder {
  let state: State | undefined = prepare(weights, options);
  const { levels, memory } = state;
  const alive = (): State => {
    if (!state) throw new RuntimeError('disposed', 'the encoder has been disposed of; create it anew');
    return state;
  };
  const dispose = (): void => {
    state = undefined;
  };
  return {
    levels,
    bytes: memory.buffer.byteLength,
    hidden: (batch) =>
      run(alive(), batch, false, ({ f32, weights }, all) =>
        all.map((of) => tokenStates(f32, weights.hidden, of)),
      ),
    first: (batch) =>
      run(alive(), batch, true, ({ f32, weights }, all) =>
        all.map((of) => tokenState(f32, weights.hidden, of, 0)),
      ),
    mean: (batch) =>
      run(alive(), batch, false, ({ f32, weights }, all) =>
        all.map((of) => meanState(f32, weights.hidden, of)),
      ),
    classify: (batch) => run(alive(), batch, true, classifyAll),
    spans: (batch) =>
      run(alive(), batch, false, (of, all) =>
        all.map((sequence) => spans(contextOf(of, sequence.tile), headOf(of, 'span'), sequence, of.f32)),
      ),
    dispose,
    [Symbol.asyncDispose]: () => {
      dispose();
      return Promise.resolve();
    },
  };
}

type State = ReturnType<typeof prepare>;

function prepare(weights: EncoderWeights, { largest, levels: allowed = availableLevels() }: EncoderOptions) {
  const { hidden, headSize, epsilon } = weights;
  const shapes = TILE_WIDTHS.map((tile) => ({ tile, headSize }));
  const levels = selfTest(shapes, allowed);
  const arena = planMemory();
  const length = paddedTokens(largest.length);
  const norm = placeNorm(arena, weights.embeddings.norm);
  const blocks = weights.blocks.map((block, i) => placeBlock(arena, `block ${i}`, block, levels));
  const head = weights.head && placeHead(arena, weights.head, levels);
  const buffers = placeBuffers(arena, weights, length);
  const x = arena.place(4 * paddedFeatures(hidden) * length * largest.rows);
  const memory = arena.allocate();
  const contexts = shapes.map((shape): Context => {
    return { bank: bank(shape, levels, memory), buffers, hidden, headSize, epsilon };
  });
  return {
    weights: { hidden, headSize, epsilon, embeddings: weights.embeddings, blocks: [] },
    ...{ largest, levels, norm, blocks, head, x, memory, contexts },
    /** Tokens that x has room for. */
    capacity: length * largest.rows,
    f32: new Float32Array(memory.buffer),
  };
}

/** The kernels for tiles of a width. */
const contextOf = ({ contexts }: State, tile: number): Context =>
  contexts.find(({ bank }) => bank.tile === tile)!;

function headOf<K extends Head['kind']>({ head }: State, kind: K): Extract<Head, { kind: K }> {
  if (head?.kind !== kind)
    throw new RuntimeError(
      'no-head',
      `expected a model with a ${kind} head, found ${head ? `a ${head.kind} head` : 'none'}`,
    );
  return head as Extract<Head, { kind: K }>;
}

function classifyAll(state: State, all: readonly Sequence[]): Float32Array[] {
  const head = headOf(state, 'classification');
  const tile = tileFor(all.length);
  const logits: Float32Array[] = [];
  for (let start = 0; start < all.length; start += tile)
    logits.push(...classify(contextOf(state, tile), head, all.slice(start, start + tile), state.f32));
  return logits;
}

/** Runs the encoder over parts of the batch that fit, and `read` over each part's sequences. */
function run<R>(
  state: State,
  batch: readonly Tokens[],
  firstOnly: boolean,
  read: (state: State, sequences: readonly Sequence[]) => readonly R[],
): R[] {
  const results: R[] = [];
  for (let start = 0; start < batch.length;) {
    const sequences = placeSequences(state, batch, start);
    sequences.forEach((of, i) => {
      embed(contextOf(state, of.tile), state.weights, state.norm, batch[start + i]!, of, state.f32);
    });
    // Block after block over all sequences: its weights are read from the cache.
    state.blocks.forEach((block, i) => {
      const last = i === state.blocks.length - 1;
      for (const of of sequences) applyBlock(contextOf(state, of.tile), block, of, last && firstOnly);
    });
    results.push(...read(state, sequences));
    start += sequences.length;
  }
  return results;
}

/** Gives places to as many sequences from `start` on as there is room for. */
function placeSequences(
  { weights, largest, capacity, x }: State,
  batch: readonly Tokens[],
  start: number,
): Sequence[] {
  const sequences: Sequence[] = [];
  let used = 0;
  for (const { ids } of batch.slice(start)) {
    const tokens = ids.length;
    if (tokens === 0 || tokens > largest.length)
      throw new RuntimeError(
        tokens === 0 ? 'tokens' : 'too-long',
        `a sequence: expected 1 to ${largest.length} tokens, found ${tokens}; cut it shorter`,
      );
    const padded = paddedTokens(tokens);
    if (used + padded > capacity) break;
    const tile = tileFor(tokens);
    const at = x + 4 * used * paddedFeatures(weights.hidden);
    sequences.push({ tokens, tile, tiles: padded / tile, x: at });
    used += padded;
  }
  return sequences;
}
