// Attention in bytes, beside int8 layers: queries, keys and values are of eight bits or seven, and so are the weights of the values.
// What a weight loses by rounding is added to the same query's next one, so that the many small weights of a long text
// neither vanish nor grow together. Sums are exact; softmax is in f32. Plain SIMD multiplies the same integers as i16.
import { f32x4, i32x4, type Local, v128 } from '../wasm/assembler.js';
import { attentionBy, attentionTwin, type Weigh } from './attention-heads.js';
import { constant, NEAR_EXP2, ROUNDING, ROUNDING_BITS } from './constants.js';
import { exp2Lanes } from './exp.js';
import { BY_DOTS, eachFewKeys, IN_BYTES, IN_PAIRS, scaleWalk, scoreWalk } from './fixed-scores.js';
import { count, floats, kernel, multiplyAdd, offset, splatAt } from './kernel.js';
import { largestScores, zeros } from './scores.js';

/** The largest weight: half a unit more, from the one before, is still below 128. */
const MOST = 126;

/** Two vectors of queries at a time, whose sums, rests and largest scores fit the registers; weights of `few` keys in a lane. */
const weighBy =
  (few: 2 | 4): Weigh =>
  (c, valueScales, most) => {
    const { body, vectors } = c;
    const width = 32 / few;
    const madd = multiplyAdd(c.fused);
    const { largest } = largestScores(c);
    const totals = zeros(c);
    const perUnit = body.let(f32x4.div(floats(MOST), most));
    /** What of ROUNDING_BITS is left when sums are shifted to their places and added. */
    const bits = body.let(
      i32x4.splat(count(few).reduce((all, j) => all + (ROUNDING_BITS << (width * j)), 0)),
    );
    for (let first = 0; first < vectors.length; first += 2) {
      const pair = [first, first + 1];
      const rests = pair.map(() => body.let(floats(0)));
      const out = body.let(c.scores);
      eachFewKeys(c, few, [scoreWalk(c, few), scaleWalk(c, few, valueScales)], (at, scale) => {
        let together: readonly Local<'v128'>[] = [];
        for (const j of count(few)) {
          const unit = body.let(f32x4.mul(splatAt(scale, 4 * j), perUnit));
          const lanes = pair.map((i) => f32x4.sub(v128.load(at, 16 * (j * vectors.length + i)), largest[i]!));
          const rounded = exp2Lanes(body, c.fused, lanes, NEAR_EXP2).map((value, n) => {
            const i = pair[n]!;
            body.set(totals[i]!, f32x4.add(totals[i]!, value));
            const exact = body.let(madd(value, unit, rests[n]!));
            const sum = body.let(f32x4.add(exact, constant(ROUNDING)));
            body.set(rests[n]!, f32x4.sub(exact, f32x4.sub(sum, constant(ROUNDING))));
            return sum;
          });
          together = rounded.map((sum, n) =>
            j === 0 ? sum : body.let(i32x4.add(together[n]!, i32x4.shl(sum, width * j))),
          );
        }
        together.forEach((sum, n) => {
          body.store(out, i32x4.sub(sum, bits), 16 * pair[n]!);
        });
        body.set(out, offset(out, 16 * vectors.length));
      });
    }
    return totals.map((total) => body.let(f32x4.div(most, f32x4.mul(total, floats(MOST)))));
  };

/**
 * q i8 [heads, features / 4, tokens, 4] of the first tokens of a tile (quantiseQueries), queryScales f32 [heads, tokens]; k the same, offset
 * (quantiseKeys), and v i8 [heads, features, tokens] (quantiseByteValues) of the sequence's first tokens, of each the next `tileBytes` on,
 * their scales `scaleBytes`; heads are as far apart as those of i16; out f32 [heads * head size, tile]; scores f32,
 * scoreBytes of them.
 */
export const attentionInt8 = kernel({
  wasm: attentionBy(IN_BYTES, weighBy(4)),
  twin: attentionTwin(IN_BYTES, MOST),
});

/** The same by the dot product that adds at once. */
export const attentionDot = kernel({ ...attentionInt8, wasm: attentionBy(BY_DOTS, weighBy(4)) });

/** The same integers as i16, laid out as for attentionFixed: q and k [heads, features / 2, tokens, 2], k without an offset. */
export const attentionInt8Pairs = kernel({
  wasm: attentionBy(IN_PAIRS, weighBy(2)),
  twin: attentionTwin(IN_PAIRS, MOST),
});
