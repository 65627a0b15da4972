// Encoders of BERT's kind (Devlin et al., 2018; Liu et al., 2019; Sanh et al., 2019) over sparse layers: one memory with room
// for the largest batch, and plain functions from token ids to numbers.
import { availableLevels } from '../kernels/levels.js';
import type { Level } from '../kernels/kernel.js';
import { bindProgram, GROUPS, type Levels } from '../kernels/program.js';
import { programIn, type Programs, testedProgram } from '../kernels/self-test.js';
import { type Arena, createArena } from './arena.js';
import { placeScratch, placeShared } from './buffers.js';
import { RuntimeError } from './errors.js';
import { runStage, stagesOf, type Thread, unitsOf } from './forward.js';
import { classify, meanState, type SpanLogits, spans, tokenState, tokenStates } from './head.js';
import { type Head, type PlacedEncoder, placeWeights } from './layers.js';
import { mapEncoder } from './map-encoder.js';
import type { Plan } from './plan.js';
import type { Pool, Threads } from './threads.js';
import {
  placeSequences,
  type Sequence,
  TILE_WIDTHS,
  tileFor,
  tilesOf,
  type TileWidth,
  tokensIn,
} from './tiles.js';
import { type Tokens, writeTokens } from './tokens.js';
import { type EncoderForms, usedKernels } from './used-kernels.js';
import type { EncoderWeights } from './weights.js';

export interface EncoderOptions {
  /** Rows and tokens of the largest batch that is computed at once; longer batches are cut into such. */
  readonly largest: { readonly rows: number; readonly length: number };
  /** Instructions that may be used, of those that the engine has; by default all. */
  readonly levels?: readonly Level[];
}

/** Everything is computed before a call returns. Results do not share memory with the encoder. */
export interface Encoder {
  /** What the self-test has chosen; `scalar` from when kernels fail in a tile width that is first needed later. */
  readonly levels: Levels;
  /** Bytes of the linear memory. */
  readonly bytes: number;
  /** Threads that compute. */
  readonly threads: number;
  /** Why there is one alone where more were asked for. */
  readonly note: string | undefined;
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

/** Kernels that were tested, and a memory for the model's parts. */
export interface Base {
  readonly arena: Arena;
  readonly programs: Programs;
  /** Those that will share the memory. */
  readonly threads?: Threads | undefined;
  /** Why there are none, where they were asked for. */
  readonly note?: string | undefined;
}

interface StartOptions extends EncoderOptions {
  readonly threads?: Threads | undefined;
}

/** Tested kernels, by what they were asked for: they serve every encoder of the process. */
const tested = new Map<string, Programs>();

/** At first in one width alone, that most sequences have a tile of. */
function programsFor(
  forms: EncoderForms,
  levels: readonly Level[],
  shared: boolean,
  longest: number,
): Programs {
  const { headSize } = forms;
  const used = usedKernels(forms);
  const key = [headSize, shared, ...levels, ...used].join();
  const shape = { tile: tileFor(longest), headSize };
  const programs = tested.get(key) ?? [testedProgram(shape, levels, shared, used)];
  tested.set(key, programs);
  return programs;
}

export function startEncoder(forms: EncoderForms, options: StartOptions): Base {
  const { threads, largest } = options;
  for (const [name, value] of Object.entries(largest))
    if (!Number.isInteger(value) || value < 1)
      throw new RuntimeError('option', `largest.${name}: expected a whole number above 0, found ${value}`);
  const levels = availableLevels().filter((level) => options.levels?.includes(level) ?? true);
  const note = threads?.unavailable();
  const helped = note === undefined && threads && threads.count > 1 ? threads : undefined;
  const shared = helped !== undefined;
  const programs = programsFor(forms, levels, shared, largest.length);
  return { arena: createArena(shared), programs, threads: helped, note };
}

const placeArrays = (weights: EncoderWeights, options: StartOptions) => {
  const forms = mapEncoder(weights, {
    linear: ({ form }) => form,
    table: ({ form }) => form,
    norm: () => undefined,
  });
  const base = startEncoder(forms, options);
  return { base, placed: placeWeights(base.arena, weights, base.programs[0].levels) };
};

/** Checks and copies the weights into a memory of their own, and tests the kernels. */
export function createEncoder(weights: EncoderWeights, options: EncoderOptions): Encoder {
  const { base, placed } = placeArrays(weights, options);
  return encoderOver(prepare(base, placed, options));
}

/** The same with threads that are ready when it resolves; where there can be none, one computes, and there is a note. */
export async function createThreadedEncoder(
  weights: EncoderWeights,
  options: StartOptions,
): Promise<Encoder> {
  const { base, placed } = placeArrays(weights, options);
  return finishEncoder(base, placed, options);
}

/** The encoder of parts that stand in the memory, with the threads that were asked for. */
export async function finishEncoder(
  base: Base,
  placed: PlacedEncoder,
  options: EncoderOptions,
): Promise<Encoder> {
  const state = prepare(base, placed, options);
  if (!base.threads) return encoderOver(state, undefined, base.note);
  const started = await base.threads.start({ ...state, stages: stagesOf(state.plan), runStage });
  return typeof started === 'string' ? encoderOver(state, undefined, started) : encoderOver(state, started);
}

/** The encoder of a state that nobody else keeps, with the workers that help it, or why none do. */
function encoderOver(prepared: State, pool?: Pool, note?: string): Encoder {
  let state: (State & { readonly pool?: Pool | undefined }) | undefined = { ...prepared, pool };
  const { arena, levels } = prepared;
  const alive = (): State => {
    if (!state) throw new RuntimeError('disposed', 'the encoder has been disposed of; create it anew');
    return state;
  };
  const dispose = async (): Promise<void> => {
    const of = state?.pool;
    state = undefined;
    await of?.close();
  };
  return {
    levels,
    bytes: arena.memory.buffer.byteLength,
    get threads() {
      return state?.pool?.threads ?? 1;
    },
    get note() {
      return state?.pool?.note ?? note;
    },
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
    dispose: () => void dispose(),
    [Symbol.asyncDispose]: dispose,
  };
}

type State = ReturnType<typeof prepare>;

function prepare(
  { arena, programs, threads }: Base,
  placed: PlacedEncoder,
  { largest }: Pick<EncoderOptions, 'largest'>,
) {
  const { hidden, headSize, epsilon, embeddings, blocks, head } = placed;
  const mixed = !programs[0].kernels.includes('attention'); // which in f32 reads keys tile by tile
  const length = tokensIn(tilesOf(largest.length, mixed));
  const capacity = length * largest.rows;
  const plan: Plan = {
    ...{ hidden, headSize, epsilon, programs, mixed, embeddings, blocks },
    shared: placeShared(arena, placed, capacity),
    scratch: Array.from({ length: threads?.count ?? 1 }, () => placeScratch(arena, placed, length)),
  };
  const thread: Thread = { plan, banks: [], scratch: plan.scratch[0]!, f32: arena.views().f32 };
  const state = {
    ...{ plan, arena, thread, head, largest, capacity, firstPosition: embeddings.firstPosition },
    levels: { ...programs[0].levels },
  };
  if (arena.shared) for (const width of TILE_WIDTHS) need(state, width); // workers are given what there is when they start
  return state;
}

/** Kernels for tiles of a width, before one is computed. */
function need(
  { plan, arena, thread: { banks }, levels }: Pick<State, 'plan' | 'arena' | 'thread' | 'levels'>,
  width: TileWidth,
): void {
  if (banks.some(({ tile }) => tile === width)) return;
  const program = programIn(plan.programs, width);
  if (!program.module) for (const group of GROUPS) levels[group] = 'scalar';
  banks.push(bindProgram(program, arena.memory));
}

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
  return all.map((sequence) => classify(state.thread, head, sequence));
}

/** Runs the encoder over parts of the batch that fit, and `read` over each part's sequences. */
function run<R>(
  state: State & { readonly pool?: Pool | undefined },
  batch: readonly Tokens[],
  firstOnly: boolean,
  read: (state: State, sequences: readonly Sequence[]) => readonly R[],
): R[] {
  const { plan, thread, arena, capacity, firstPosition } = state;
  const given: unknown = batch;
  if (!Array.isArray(given)) throw new RuntimeError('option', 'expected a list of { ids }');
  const lengths = Array.from(batch, (of: Tokens | undefined) => checkLength(state, { ...of }));
  const results: R[] = [];
  for (let start = 0; start < batch.length;) {
    const sequences = placeSequences(lengths.slice(start), capacity, plan.mixed);
    sequences.forEach((of, i) => {
      writeTokens(plan, arena.views(), of, batch[start + i]!, firstPosition);
      for (const { width } of of.tiles) need(state, width);
    });
    const stages = Array.from({ length: stagesOf(plan) }, (_, stage) =>
      unitsOf(plan, sequences, stage, firstOnly),
    );
    const outcome = state.pool?.run(stages, firstOnly) ?? 'alone';
    if (outcome === 'dead')
      throw new RuntimeError(
        'threads',
        'a worker has died over its work; create the encoder anew, with one thread if it happens again',
      );
    if (outcome === 'alone')
      for (const [stage, units] of stages.entries())
        for (const unit of units) runStage(thread, stage, unit, firstOnly);
    results.push(...read(state, sequences));
    start += sequences.length;
  }
  return results;
}

function checkLength({ largest: { length } }: State, { ids, typeIds }: Partial<Tokens>): number {
  const tokens = ids?.length ?? 0;
  if (typeIds && typeIds.length !== tokens)
    throw new RuntimeError('tokens', `typeIds: expected ${tokens}, found ${typeIds.length}`);
  if (tokens > 0 && tokens <= length) return tokens;
  throw new RuntimeError(
    tokens > 0 ? 'too-long' : 'tokens',
    `ids: expected 1 to ${length} of a sequence, found ${tokens}`,
  );
}
