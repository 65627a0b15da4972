// Attention in 16-bit fixed point, for encoders whose layers are quantised: products of queries and keys and of weights and values
// are sums of integers, exact in 32 bits; softmax is in f32. The weights of a query are integers that add up to 32767, give or take
// half a unit a key, so that a sum over values of length TOKEN_LENGTH fits as well.
import { type Expr, f32x4, i32, i32x4, type Local, v128 } from '../wasm/assembler.js';
import { attentionBy, attentionTwin, type Weigh } from './attention-heads.js';
import { constant, NEAR_EXP2, ROUNDING } from './constants.js';
import { exp2Lanes } from './exp.js';
import { type Context, eachFewKeys, IN_PAIRS, scaleWalk, scoreWalk } from './fixed-scores.js';
import { floats, kernel, multiplyAdd, offset, splatAt, storeAll } from './kernel.js';
import { largestScores, zeros } from './scores.js';

/** What the weights of a query add up to. */
const TOTAL = 32767;

/** Scores to 2^(score - largest) times the scale of the key's value; returns the sums of the exponentials. */
function exponentials(c: Context, valueScales: Expr<'i32'>): readonly Local<'v128'>[] {
  const { body, vectors } = c;
  const { largest } = largestScores(c);
  const sums = zeros(c);
  eachFewKeys(c, 2, [scoreWalk(c, 2), scaleWalk(c, 2, valueScales)], (at, scale) => {
    for (const j of [0, 1]) {
      const unit = body.let(splatAt(scale, 4 * j));
      for (let i = 0; i < vectors.length; i += 2) {
        const pair = [i, i + 1];
        const places = pair.map((k) => 16 * (j * vectors.length + k));
        const lanes = pair.map((k, n) => f32x4.sub(v128.load(at, places[n]), largest[k]!));
        exp2Lanes(body, c.fused, lanes, NEAR_EXP2).forEach((value, n) => {
          body.store(at, f32x4.mul(value, unit), places[n]);
          body.set(sums[pair[n]!]!, f32x4.add(sums[pair[n]!]!, value));
        });
      }
    }
  });
  return sums;
}

/** scores f32 [keys, queries] -> weights i16 [keys / 2, queries, 2], times `factors`, in the same place. */
function round(c: Context, factors: readonly Expr<'v128'>[]): void {
  const { body, vectors, scores, keys } = c;
  const madd = multiplyAdd(c.fused);
  const low = body.let(i32x4.splat(0xffff));
  const bytes = 32 * vectors.length;
  const pairs = i32.shrU(offset(keys, 1), 1);
  const out = body.let(scores);
  body.range(scores, i32.add(scores, i32.mul(pairs, bytes)), bytes, (at) => {
    const pairsOf = vectors.map((i) => {
      const [even, odd] = [0, 1].map((j) =>
        madd(v128.load(at, 16 * (j * vectors.length + i)), factors[i]!, constant(ROUNDING)),
      );
      return v128.or(v128.and(even!, low), i32x4.shl(odd!, 16));
    });
    storeAll(body, out, pairsOf);
    body.set(out, offset(out, bytes / 2));
  });
}

const weigh: Weigh = (c, valueScales, most) => {
  const { body } = c;
  const totals = exponentials(c, valueScales);
  round(
    c,
    totals.map((total) => body.let(f32x4.div(floats(TOTAL), f32x4.mul(total, most)))),
  );
  const unit = body.let(f32x4.mul(most, floats(1 / TOTAL)));
  return totals.map(() => unit);
};

/**
 * q i16 [heads, features / 2, tokens, 2] of the first tokens of a tile (quantiseHeads), queryScales f32 [heads, tokens]; k the same and v i16
 * [heads, features, tokens] (quantiseValues) of the sequence's first tokens, of each the next `tileBytes` on, their scales `scaleBytes`;
 * out f32 [heads * head size, tile]; scores f32, scoreBytes of them.
 */
export const attentionFixed = kernel({
  wasm: attentionBy(IN_PAIRS, weigh),
  twin: attentionTwin(IN_PAIRS),
});
