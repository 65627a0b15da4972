// Four rows of lanes into one, in which the four of a token stand together.
import { type Body, type Expr, i8x16, type Local } from '../wasm/assembler.js';
import { count } from './kernel.js';

/** Lanes of `width` bytes by turns from two vectors, from byte `first` of each on. */
const byTurns = (width: number, first: number): readonly number[] =>
  count(16).map((i) => {
    const lane = Math.floor(i / width);
    return first + width * (lane >> 1) + (i % width) + 16 * (lane & 1);
  });

/** Both halves of two vectors of lanes of `width` bytes, interleaved. */
export const interleaved = (width: number, a: Expr<'v128'>, b: Expr<'v128'>): readonly Expr<'v128'>[] =>
  [0, 8].map((first) => i8x16.shuffle(a, byTurns(width, first), b));

/** Bytes of four features, 16 tokens each: four vectors of four tokens each. */
export function interleavedFours(body: Body, rows: readonly Local<'v128'>[]): readonly Expr<'v128'>[] {
  const [a, b, c, d] = rows as readonly [Local<'v128'>, Local<'v128'>, Local<'v128'>, Local<'v128'>];
  const [first, second] = [interleaved(1, a, b), interleaved(1, c, d)].map((halves) =>
    halves.map((half) => body.let(half)),
  );
  return first!.flatMap((half, i) => interleaved(2, half, second![i]!));
}
