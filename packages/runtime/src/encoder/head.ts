// Heads over the hidden states: labels from the first token, a start and an end for every token, or a mean.
import { normalDistribution } from '../kernels/gelu.js';
import { apply, bankOf, statesAt, type Thread } from './forward.js';
import type { Head } from './layers.js';
import { applyToOne, type Linear } from './linear.js';
import type { Sequence } from './tiles.js';

const ACTIVATIONS = {
  tanh: Math.tanh,
  relu: (x: number): number => Math.max(0, x),
  gelu: (x: number): number => x * normalDistribution(x),
};

/** Calls back with every hidden state of a token. */
function eachState(
  { plan, f32 }: Thread,
  { first, tiles }: Sequence,
  token: number,
  visit: (state: number, feature: number) => void,
): void {
  const { start, width } = tiles.findLast((tile) => tile.start <= token)!;
  const at = statesAt(plan, first + start) / 4 + token - start;
  for (let i = 0; i < plan.hidden; i++) visit(f32[at + i * width]!, i);
}

/** Hidden states of one token, [hidden]. */
export function tokenState(thread: Thread, sequence: Sequence, token: number): Float32Array {
  const state = new Float32Array(thread.plan.hidden);
  eachState(thread, sequence, token, (value, i) => {
    state[i] = value;
  });
  return state;
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
    eachState(thread, sequence, token, (value, i) => {
      sums[i]! += value;
    });
  }
  return Float32Array.from(sums, (sum) => sum / sequence.tokens);
}

/** Logits [labels] of a sequence: the same alone as in a batch. */
export function classify(
  thread: Thread,
  { dense, activation, output }: Extract<Head, { kind: 'classification' }>,
  sequence: Sequence,
): Float32Array {
  const { scratch, f32, plan } = thread;
  const { middle, sum } = scratch;
  // Layers that are not dense need a tile, of which the sequence has the first lane.
  const one = [dense, output].every(({ form }) => form === 'dense');
  const { width: tile } = sequence.tiles[0]!;
  const width = one ? 1 : tile;
  const bank = bankOf(thread, tile);
  const applyTo = (layer: Linear, x: number, y: number): void => {
    if (one && layer.form === 'dense') applyToOne(bank, layer, x, y);
    else apply(bank, scratch, layer, x, y);
  };
  f32.fill(0, middle / 4, middle / 4 + plan.hidden * width);
  tokenState(thread, sequence, 0).forEach((value, i) => {
    f32[middle / 4 + i * width] = value;
  });
  applyTo(dense, middle, sum);
  const activate = ACTIVATIONS[activation];
  for (let i = sum / 4; i < sum / 4 + dense.rows * width; i++) f32[i] = activate(f32[i]!);
  applyTo(output, sum, middle);
  return Float32Array.from({ length: output.rows }, (_, label) => f32[middle / 4 + label * width]!);
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
  const { first, tiles, tokens } = sequence;
  const [start, end] = [new Float32Array(tokens), new Float32Array(tokens)];
  const at = scratch.sum / 4;
  for (const { width, start: token } of tiles) {
    apply(bankOf(thread, width), scratch, output, statesAt(plan, first + token), scratch.sum);
    const real = Math.min(width, tokens - token);
    start.set(f32.subarray(at, at + real), token);
    end.set(f32.subarray(at + width, at + width + real), token);
  }
  return { start, end };
}
