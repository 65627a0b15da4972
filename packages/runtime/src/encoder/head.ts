// Heads over the hidden states: labels from the first token, a start and an end for every token, or a mean.
import { normalDistribution } from '../kernels/gelu.js';
import type { Levels } from '../kernels/self-test.js';
import type { Arena } from './arena.js';
import { applyLinears, type Context } from './forward.js';
import { type Linear, placeLinear } from './linear.js';
import { paddedFeatures, type Sequence } from './tiles.js';
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

/** Place of a feature of a token among floats. */
const place = ({ x, tile }: Sequence, hidden: number, token: number): number =>
  x / 4 + Math.floor(token / tile) * tile * paddedFeatures(hidden) + (token % tile);

/** Hidden states of one token, [hidden]. */
export function tokenState(
  f32: Float32Array,
  hidden: number,
  sequence: Sequence,
  token: number,
): Float32Array {
  const at = place(sequence, hidden, token);
  return Float32Array.from({ length: hidden }, (_, i) => f32[at + i * sequence.tile]!);
}

/** [tokens, hidden]. */
export function tokenStates(f32: Float32Array, hidden: number, sequence: Sequence): Float32Array {
  const states = new Float32Array(sequence.tokens * hidden);
  for (let token = 0; token < sequence.tokens; token++)
    states.set(tokenState(f32, hidden, sequence, token), token * hidden);
  return states;
}

/** Mean of the tokens' hidden states, [hidden]. */
export function meanState(f32: Float32Array, hidden: number, sequence: Sequence): Float32Array {
  const sums = new Float64Array(hidden);
  for (let token = 0; token < sequence.tokens; token++) {
    const at = place(sequence, hidden, token);
    for (let i = 0; i < hidden; i++) sums[i]! += f32[at + i * sequence.tile]!;
  }
  return Float32Array.from(sums, (sum) => sum / sequence.tokens);
}

/** Logits [labels] of each of at most `context.bank.tile` sequences, which stand side by side as the tokens of a tile. */
export function classify(
  context: Context,
  { dense, activation, output }: Extract<Head, { kind: 'classification' }>,
  sequences: readonly Sequence[],
  f32: Float32Array,
): Float32Array[] {
  const { bank, buffers, hidden } = context;
  const { tile } = bank;
  f32.fill(0, buffers.middle / 4, buffers.middle / 4 + hidden * tile);
  for (const [lane, sequence] of sequences.entries())
    tokenState(f32, hidden, sequence, 0).forEach((value, i) => {
      f32[buffers.middle / 4 + i * tile + lane] = value;
    });
  applyLinears(context, buffers.middle, [[dense, buffers.sum]]);
  const activate = ACTIVATIONS[activation];
  for (let i = buffers.sum / 4; i < buffers.sum / 4 + dense.rows * tile; i++) f32[i] = activate(f32[i]!);
  applyLinears(context, buffers.sum, [[output, buffers.middle]]);
  return sequences.map((_, lane) =>
    Float32Array.from({ length: output.rows }, (_, label) => f32[buffers.middle / 4 + label * tile + lane]!),
  );
}

export interface SpanLogits {
  /** [tokens] each. */
  readonly start: Float32Array;
  readonly end: Float32Array;
}

export function spans(
  context: Context,
  { output }: Extract<Head, { kind: 'span' }>,
  { x, tile, tiles, tokens }: Sequence,
  f32: Float32Array,
): SpanLogits {
  const { buffers, hidden } = context;
  const [start, end] = [new Float32Array(tokens), new Float32Array(tokens)];
  for (let t = 0; t < tiles; t++) {
    applyLinears(context, x + 4 * t * tile * paddedFeatures(hidden), [[output, buffers.sum]]);
    const real = Math.min(tile, tokens - t * tile);
    start.set(f32.subarray(buffers.sum / 4, buffers.sum / 4 + real), t * tile);
    end.set(f32.subarray(buffers.sum / 4 + tile, buffers.sum / 4 + tile + real), t * tile);
  }
  return { start, end };
}
