// Windows over a context that is longer than the model reads at once (Devlin et al., 2018), and which of two meanings
// a stride has: how far the window moves (Google's code) or how much two windows share (transformers' run_qa).
import { UsageError } from '../../errors.js';

export const STRIDES = ['advance', 'overlap'] as const;

export interface WindowOptions {
  /** Context tokens that fit beside the question. */
  readonly room: number;
  /** Tokens; what they count, `reading` says. */
  readonly stride: number;
  readonly reading: (typeof STRIDES)[number];
}

/** The first token of every window over `count` tokens. Throws UsageError where tokens would be left out. */
export function windowStarts(count: number, { room, stride, reading }: WindowOptions): number[] {
  const step = reading === 'advance' ? stride : room - stride;
  if (room < 1 || step < 1 || step > room) {
    const most = reading === 'advance' ? room : room - 1;
    throw new UsageError(
      most < 1
        ? `--max-length leaves ${Math.max(0, room)} tokens for the context beside the question and special tokens; give more`
        : `--doc-stride ${stride} (${reading}) is larger than the window: expected at most ${most}, since --max-length ` +
            `leaves ${room} tokens for the context; give a smaller --doc-stride or a larger --max-length`,
    );
  }
  const starts = [0];
  while (starts.at(-1)! + room < count) starts.push(starts.at(-1)! + step);
  return starts;
}

/** What a window adds to its shorter side of context when windows compete for a token: little, by its length. */
const LENGTH_WEIGHT = 0.01;

/**
 * [windows][tokens]: 1 where the window shows the token with the most context, of equal ones the first. Context is the
 * shorter of the sides; a prediction may begin only where it is largest.
 */
export function maximalContext(count: number, starts: readonly number[], room: number): Uint8Array[] {
  const lengths = starts.map((start) => Math.min(room, count - start));
  const flags = lengths.map((length) => new Uint8Array(length));
  for (let token = 0; token < count; token++) {
    let best = { window: -1, score: -Infinity };
    for (const [window, start] of starts.entries()) {
      const left = token - start;
      const right = start + lengths[window]! - 1 - token;
      const score = Math.min(left, right) + LENGTH_WEIGHT * lengths[window]!;
      if (left >= 0 && right >= 0 && score > best.score) best = { window, score };
    }
    flags[best.window]![token - starts[best.window]!] = 1;
  }
  return flags;
}
