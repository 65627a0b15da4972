// Counter-based random numbers: value i is a pure function of (key, i), with no state, so any part of any stream
// can be drawn again, in any order (the idea of Salmon et al., Parallel random numbers: as easy as 1, 2, 3,
// 2011). The function is a 32-bit integer permutation of three multiply-and-shift rounds with the constants of
// Wellons' hash-prospector ("triple32"), and one word of the key is added before each round, so that the
// streams of two keys are not each other's values in another order.

import {
  type Body,
  defineFunction,
  type Expr,
  f32x4,
  i16x8,
  i32,
  i32x4,
  type Local,
  v128,
} from '@espalier/runtime/wasm';
import { eachVector } from './vectors.js';

/** Three words, all well mixed: make it with `randomKey`. */
export type RandomKey = readonly [k0: number, k1: number, k2: number];

/** Rounds: x ^= x >>> shift, then x *= factor; a last shift ends it. */
const ROUNDS = [
  [17, 0xed5ad4bb],
  [11, 0xac4c1b51],
  [15, 0x31848bab],
] as const;
const LAST_SHIFT = 14;

/** The random 32-bit word number `counter` (modulo 2^32) of a key. */
export function randomWord(key: RandomKey, counter: number): number {
  let x = counter | 0;
  ROUNDS.forEach(([bits, factor], round) => {
    x = (x + key[round]!) | 0;
    x = Math.imul(x ^ (x >>> bits), factor);
  });
  return (x ^ (x >>> LAST_SHIFT)) >>> 0;
}

/**
 * The key of a tuple of words such as (seed, stream, step), each an integer in [0, 2^32). Tuples of different
 * lengths or order give unrelated keys.
 */
export function randomKey(...words: number[]): RandomKey {
  let key: RandomKey = [0x243f6a88, 0x85a308d3, 0x13198a2e]; // the fraction of pi, as good as any
  for (const word of words) {
    if (!Number.isInteger(word) || word < 0 || word >= 2 ** 32) {
      throw new RangeError(`randomKey: words are integers from 0 to 2^32 - 1, found ${word}`);
    }
    key = [
      randomWord(key, word),
      randomWord([key[1], key[2], key[0]], word),
      randomWord([key[2], key[0], key[1]], word),
    ];
  }
  return key;
}

/** `randomWord` of four counters at once. `key` holds each word splatted. */
function randomWords(body: Body, key: readonly Local<'v128'>[], counters: Expr<'v128'>): Expr<'v128'> {
  const folded = (x: Local<'v128'>, bits: number) => v128.xor(x, i32x4.shrU(x, bits));
  let x = counters;
  ROUNDS.forEach(([bits, factor], round) => {
    const keyed = body.let(i32x4.add(x, key[round]!));
    x = i32x4.mul(folded(keyed, bits), i32x4.const(factor, factor, factor, factor));
  });
  return folded(body.let(x), LAST_SHIFT);
}

const keyParams = { k0: 'i32', k1: 'i32', k2: 'i32' } as const;
type KeyLocals = { readonly [K in keyof typeof keyParams]: Local<'i32'> };

const splatKey = (body: Body, { k0, k1, k2 }: KeyLocals) => [k0, k1, k2].map((k) => body.let(i32x4.splat(k)));

/**
 * out_i = scale if the 16-bit half (i & 1, low half first) of word i >> 1 is at least `threshold`, else 0.
 * Eight values to a vector of words. Fills the padding too.
 */
export const fillDropout = defineFunction(
  { out: 'i32', n: 'i32', threshold: 'i32', scale: 'f32', ...keyParams },
  (body, { out, n, threshold, scale, ...keys }) => {
    const key = splatKey(body, keys);
    const bound = body.let(i16x8.splat(threshold));
    const kept = body.let(f32x4.splat(scale));
    const counters = body.let(i32x4.const(0, 1, 2, 3));
    eachVector(body, n, 8, (at) => {
      const keep = body.let(i16x8.geU(randomWords(body, key, counters), bound));
      body.store(i32.add(out, at), v128.and(kept, i32x4.extendLowS(keep)));
      body.store(i32.add(out, at), v128.and(kept, i32x4.extendHighS(keep)), 16);
      body.set(counters, i32x4.add(counters, i32x4.const(4, 4, 4, 4)));
    });
  },
);

/** The 16-bit threshold under which a value is dropped, and what a kept one becomes. Needs 0 <= p < 1. */
export function dropoutScalars(p: number): { threshold: number; scale: number } {
  if (!(p >= 0 && p < 1)) throw new RangeError(`dropout: p must be in [0, 1), found ${p}`);
  return { threshold: Math.min(Math.round(p * 65536), 65535), scale: 1 / (1 - p) };
}

export function fillDropoutTwin(out: Float32Array, p: number, key: RandomKey): void {
  const { threshold, scale } = dropoutScalars(p);
  for (let i = 0; i < out.length; i++) {
    const half = (randomWord(key, i >>> 1) >>> (16 * (i & 1))) & 0xffff;
    out[i] = half >= threshold ? scale : 0;
  }
}

/** out_i = low + span * (the upper 24 bits of word i). Fills the padding too. */
export const fillUniform = defineFunction(
  { out: 'i32', n: 'i32', low: 'f32', span: 'f32', ...keyParams },
  (body, { out, n, low, span, ...keys }) => {
    const key = splatKey(body, keys);
    const base = body.let(f32x4.splat(low));
    const unit = body.let(f32x4.splat(span));
    const counters = body.let(i32x4.const(0, 1, 2, 3));
    eachVector(body, n, 4, (at) => {
      const fraction = f32x4.convertS(i32x4.shrU(randomWords(body, key, counters), 8));
      body.store(i32.add(out, at), f32x4.add(base, f32x4.mul(unit, fraction)));
      body.set(counters, i32x4.add(counters, i32x4.const(4, 4, 4, 4)));
    });
  },
);

/** Scalars of the uniform distribution on [low, high), in steps of 2^-24 of the range. */
export const uniformScalars = (low: number, high: number) => ({ low, span: (high - low) / 2 ** 24 });

export function fillUniformTwin(out: Float32Array, low: number, high: number, key: RandomKey): void {
  const { fround } = Math;
  const { span } = uniformScalars(low, high);
  for (let i = 0; i < out.length; i++) {
    out[i] = fround(low) + fround(fround(span) * (randomWord(key, i) >>> 8));
  }
}

/**
 * Normal values by Box and Muller's transform (1958), for initialisation: rare, hence plain TypeScript.
 * Values 2j and 2j + 1 come from words 2j and 2j + 1.
 */
export function fillNormal(out: Float32Array, mean: number, deviation: number, key: RandomKey): void {
  for (let i = 0; i < out.length; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log((randomWord(key, i) + 0.5) / 2 ** 32));
    const angle = (2 * Math.PI * randomWord(key, i + 1)) / 2 ** 32;
    out[i] = mean + radius * Math.cos(angle);
    if (i + 1 < out.length) out[i + 1] = mean + radius * Math.sin(angle);
  }
}
