// Encoders of BERT's kind (Devlin et al., 2018; Liu et al., 2019; Sanh et al., 2019) over sparse layers: one memory with room
// for the largest batch, and plain functions from token ids to numbers.
import { availableLevels } from '../kernels/levels.js';
import type { Level } from '../kernels/kernel.js';
import { bindProgram, type Levels } from '../kernels/program.js';
import { testedProgram } from '../kernels/self-test.js';
import { type Arena, createArena } from './arena.js';
import { placeScratch, placeShared } from './buffers.js';
import { RuntimeError } from './errors.js';
import { runStage, stagesOf, type Thread, unitsOf } from './forward.js';
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
import { placeBlock, placeNorm } from './layers.js';
import type { Plan } from './plan.js';
import { placeTable } from './tables.js';
import { paddedTokens, placeSequences, type Sequence, TILE_WIDTHS, tileFor } from './tiles.js';
import { type Tokens, writeTokens } from './tokens.js';
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
  const { plan, arena } = state;
  const alive = (): State => {
    if (!state) throw new RuntimeError('disposed', 'the encoder has been disposed of; create it anew');
    return state;
  };
  const dispose = (): void => {
    state = undefined;
  };
  return {
    levels: plan.program.levels,
    bytes: arena.memory.buffer.byteLength,
    hidden: (batch) =>
      run(alive(), batch, false, ({ thread }, all) => all.map((of) => tokenStates(thread, of))),
    first: (batch) =>
      run(alive(), batch, true, ({ thread }, all) => all.map((of) => tokenState(thread, of, 0))),
    mean: (batch) => run(alive(), batch, false, ({ thread }, all) => all.map((of) => meanState(thread, of))),
    classify: (batch) => run(alive(), batch, true, classifyAll),
    spans: (batch) =>
      run(alive(), batch, false, (of, all) =>
        all.map((sequence) => spans(of.thread, headOf(of, 'span'), sequence)),
      ),
    dispose,
    [Symbol.asyncDispose]: () => {
      dispose();
      return Promise.resolve();
    },
  };
}

type State = ReturnType<typeof prepare>;

function prepare(weights: EncoderWeights, { largest, levels = availableLevels() }: EncoderOptions) {
  const { hidden, headSize, epsilon, embeddings } = weights;
  const program = testedProgram(
    TILE_WIDTHS.map((tile) => ({ tile, headSize })),
    levels,
  );
  const arena = createArena();
  const length = paddedTokens(largest.length);
  const capacity = length * largest.rows;
  const head = weights.head && placeHead(arena, weights.head, program.levels);
  const plan: Plan = {
    ...{ hidden, headSize, epsilon, program },
    embeddings: placeEmbeddings(arena, weights),
    blocks: weights.blocks.map((block, i) => placeBlock(arena, `block ${i}`, block, program.levels)),
    shared: placeShared(arena, weights, capacity),
    scratch: [placeScratch(arena, weights, length)],
  };
  const thread: Thread = {
    plan,
    banks: bindProgram(program, arena.memory),
    scratch: plan.scratch[0]!,
    f32: arena.views().f32,
  };
  return { plan, arena, thread, head, largest, capacity, firstPosition: embeddings.firstPosition };
}

function placeEmbeddings(arena: Arena, { embeddings, hidden }: EncoderWeights): Plan['embeddings'] {
  const { words, positions, types, norm } = embeddings;
  return {
    words: placeTable(arena, 'word embeddings', words, hidden),
    positions: placeTable(arena, 'position embeddings', positions, hidden),
    types: types && placeTable(arena, 'token type embeddings', types, hidden),
    norm: placeNorm(arena, norm),
  };
}

function headOf<K extends Head['kind']>({ head }: State, kind: K): Extract<Head, { kind: K }> {
  if (head?.kind !== kind)
    throw new RuntimeError(
      'no-head',
      `expected a model with a ${kind} head, found ${head ? `a ${head.kind} head` : 'none'}`,
    );
  return head as Extract<Head, { kind: K }>;
}

/** Sequences that are faster as the tokens of a tile than one by one. */
const WORTH_A_TILE = 4;

function classifyAll(state: State, all: readonly Sequence[]): Float32Array[] {
  const head = headOf(state, 'classification');
  const tile = tileFor(all.length);
  const together = all.length < WORTH_A_TILE ? 1 : tile;
  const logits: Float32Array[] = [];
  for (let start = 0; start < all.length; start += together)
    logits.push(...classify(state.thread, tile, head, all.slice(start, start + together)));
  return logits;
}

/** Runs the encoder over parts of the batch that fit, and `read` over each part's sequences. */
function run<R>(
  state: State,
  batch: readonly Tokens[],
  firstOnly: boolean,
  read: (state: State, sequences: readonly Sequence[]) => readonly R[],
): R[] {
  const { plan, thread, arena, capacity, firstPosition } = state;
  const lengths = batch.map(({ ids }) => checkLength(state, ids.length));
  const results: R[] = [];
  for (let start = 0; start < batch.length;) {
    const sequences = placeSequences(lengths.slice(start), capacity);
    sequences.forEach((of, i) => {
      writeTokens(plan, arena.views(), of, batch[start + i]!, firstPosition);
    });
    for (let stage = 0; stage < stagesOf(plan); stage++)
      for (const unit of unitsOf(plan, sequences, stage, firstOnly)) runStage(thread, stage, unit, firstOnly);
    results.push(...read(state, sequences));
    start += sequences.length;
  }
  return results;
}

function checkLength({ largest }: State, tokens: number): number {
  if (tokens > 0 && tokens <= largest.length) return tokens;
  throw new RuntimeError(
    tokens === 0 ? 'tokens' : 'too-long',
    `a sequence: expected 1 to ${largest.length} tokens, found ${tokens}; cut it shorter`,
  );
}
