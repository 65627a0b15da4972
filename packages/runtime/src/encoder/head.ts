// Heads over the hidden states: labels from the first token, a start and an end for every token, or a mean.
import { normalDistribution } from '../kernels/gelu.js';
import type { Levels } from '../kernels/program.js';
import type { Arena } from './arena.js';
import { apply, bankOf, statesAt, type Thread } from './forward.js';
import { applyToOne, type Linear, placeLinear } from './linear.js';
import type { Sequence } from './tiles.js';
import type { HeadWeights } from './weights.js';

export type Head =
  | {
      readonly kind: 'classification';
      readonly dense: Linear;
      readonly activation: 'tanh' | 'relu' | 'gelu';
      readonly output: Linear;
    }
  | { readonly kind: 'span'; readonly output: Linear };

export function placeHead(arena: Arena, head: HeadWeights, levels: Levels): Head {
  const output = placeLinear(arena, 'head.output', head.output, levels);
  if (head.kind === 'span') return { kind: 'span', output };
  return { ...head, dense: placeLinear(arena, 'head.dense', head.dense, levels), output };
}

const ACTIVATIONS = {
  tanh: Math.tanh,
  relu: (x: number): number => Math.max(0, x),
  gelu: (x: number): number => x * normalDistribution(x),
};

/** Place of the first feature of a token among floats. */
const placeOf = ({ plan }: Thread, sequence: Sequence, token: number): number =>
  statesAt(plan, sequence, Math.floor(token / sequence.tile)) / 4 + (token % sequence.tile);

/** Hidden states of one token, [hidden]. */
export function tokenState(thread: Thread, sequence: Sequence, token: number): Float32Array {
  const at = placeOf(thread, sequence, token);
  return Float32Array.from({ length: thread.plan.hidden }, (_, i) => thread.f32[at + i * sequence.tile]!);
}

/** [tokens, hidden]. */
export function tokenStates(thread: Thread, sequence: Sequence): Float32Array {
  const { hidden } = thread.plan;
  const states = new Float32Array(sequence.tokens * hidden);
  for (let token = 0; token < sequence.tokens; token++)
    states.set(tokenState(thread, sequence, token), token * hidden);
  return states;
}

/** Mean of the tokens' hidden states, [hidden]. */
export function meanState(thread: Thread, sequence: Sequence): Float32Array {
  const sums = new Float64Array(thread.plan.hidden);
  for (let token = 0; token < sequence.tokens; token++) {
    const at = placeOf(thread, sequence, token);
    for (let i = 0; i < sums.length; i++) sums[i]! += thread.f32[at + i * sequence.tile]!;
  }
  return Float32Array.from(sums, (sum) => sum / sequence.tokens);
}

/** Logits [labels] of each of at most `tile` sequences, which stand side by side as the tokens of a tile. */
export function classify(
  thread: Thread,
  tile: number,
  { dense, activation, output }: Extract<Head, { kind: 'classification' }>,
  sequences: readonly Sequence[],
): Float32Array[] {
  const { scratch, f32, plan } = thread;
  const bank = bankOf(thread, tile);
  const { middle, sum } = scratch;
  const one = sequences.length === 1 && [dense, output].every(({ form }) => form === 'dense');
  const width = one ? 1 : tile;
  const applyTo = (layer: Linear, x: number, y: number): void => {
    if (one && layer.form === 'dense') applyToOne(bank, layer, x, y);
    else apply(bank, scratch, layer, x, y);
  };
  f32.fill(0, middle / 4, middle / 4 + plan.hidden * width);
  for (const [lane, sequence] of sequences.entries())
    tokenState(thread, sequence, 0).forEach((value, i) => {
      f32[middle / 4 + i * width + lane] = value;
    });
  applyTo(dense, middle, sum);
  const activate = ACTIVATIONS[activation];
  for (let i = sum / 4; i < sum / 4 + dense.rows * width; i++) f32[i] = activate(f32[i]!);
  applyTo(output, sum, middle);
  return sequences.map((_, lane) =>
    Float32Array.from({ length: output.rows }, (_, label) => f32[middle / 4 + label * width + lane]!),
  );
}

export interface SpanLogits {
  /** [tokens] each. */
  readonly start: Float32Array;
  readonly end: Float32Array;
}

export function spans(
  thread: Thread,
  { output }: Extract<Head, { kind: 'span' }>,
  sequence: Sequence,
): SpanLogits {
  const { plan, scratch, f32 } = thread;
  const { tile, tiles, tokens } = sequence;
  const [start, end] = [new Float32Array(tokens), new Float32Array(tokens)];
  const at = scratch.sum / 4;
  for (let index = 0; index < tiles; index++) {
    apply(bankOf(thread, tile), scratch, output, statesAt(plan, sequence, index), scratch.sum);
    const real = Math.min(tile, tokens - index * tile);
    start.set(f32.subarray(at, at + real), index * tile);
    end.set(f32.subarray(at + tile, at + tile + real), index * tile);
  }
  return { start, end };
}
