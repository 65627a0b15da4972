// Made-up queries, keys and values for attention, and heads to make them of.
import { f32Output, floats, type Output, placeAll, q15s, type Setup, signed } from './case.js';
import { tokensTogether } from './kernel.js';
import { INT8_OFFSET, TOKEN_LENGTH } from './quantise-tokens.js';
import { scoreBytes } from './scores.js';

export function attentionCase({ memory, shape, sizes: { tokens, heads }, random }: Setup) {
  const { tile, headSize } = shape;
  const tiles = Math.ceil(tokens / tile);
  const numbers = heads * headSize * tile;
  const places = placeAll(memory, {
    q: floats(numbers, random),
    k: floats(numbers * tiles, random),
    v: floats(numbers * tiles, random),
    out: new Float32Array(numbers),
    scores: new Uint8Array(scoreBytes(shape, tokens)),
  });
  return {
    args: { ...places, heads, keys: tokens, tileBytes: 4 * numbers },
    outputs: [f32Output(places.out, numbers)],
  };
}

export function quantiseHeadsCase(
  { memory, shape, sizes: { heads }, random }: Setup,
  type: 'i16' | 'i8' = 'i16',
) {
  const numbers = heads * shape.headSize * shape.tile;
  const scales = heads * tokensTogether(shape);
  const places = placeAll(memory, {
    x: floats(numbers, random),
    q: new Int16Array(numbers),
    scales: new Float32Array(heads * shape.tile),
  });
  const q: Output = { type, at: places.q, length: type === 'i16' ? numbers : 2 * numbers };
  return {
    args: { ...places, heads, tileBytes: 2 * shape.headSize * scales, scaleBytes: 4 * scales },
    outputs: [{ type: 'f32', at: places.scales, length: heads * shape.tile }, q] satisfies Output[],
  };
}

/**
 * Of weights rounded to 1/32767: up to half a unit for each of some tens of keys. In bytes kernel and twin round alike, but for a
 * weight that is nearly a half: 1/126 more of one value, up to two, and as much less of the next; this is as much as two of them.
 */
const WEIGHT_TOLERANCE = { q15: 2e-3, int8: 6e-2 };

export function attentionFixedCase(
  { memory, shape, sizes: { tokens, heads }, random, wide }: Setup,
  form: 'q15' | 'int8' = 'q15',
) {
  const { tile, headSize } = shape;
  const together = tokensTogether(shape);
  const [queries, keys] = [tile / together, Math.ceil(tokens / together)];
  const [numbers, scales] = [heads * headSize * together, heads * together];
  const lanes = (count: number) => q15s(numbers * count, headSize, random);
  const inBytes = form === 'int8' && !wide;
  /** Queries, keys or values up to `most`; of bytes the second half of a head's room stays empty. */
  const integers = (count: number, most: number, bias = 0): Int8Array | Int16Array => {
    if (form === 'q15') return lanes(count);
    const of = inBytes ? new Int8Array(2 * numbers * count) : new Int16Array(numbers * count);
    const used = headSize * together;
    for (let head = 0; head < of.length; head += inBytes ? 2 * used : used)
      for (let i = head; i < head + used; i++) of[i] = Math.round(most * signed(random)) + bias;
    return of;
  };
  const units = (count: number, of = TOKEN_LENGTH, spread = 4) =>
    Float32Array.from({ length: scales * count }, () => (1 + spread * random()) / of);
  const unit = form === 'q15' ? TOKEN_LENGTH : 64 * Math.sqrt(headSize);
  const places = placeAll(memory, {
    q: integers(queries, 127),
    k: integers(keys, 63, inBytes ? INT8_OFFSET : 0),
    v: integers(keys, 127),
    queryScales: units(queries, unit),
    keyScales: units(keys, unit),
    valueScales: form === 'q15' ? units(keys) : units(keys, 127, 1),
    out: new Float32Array(heads * headSize * tile),
    scores: new Uint8Array(scoreBytes(shape, tokens)),
  });
  return {
    args: { ...places, heads, keys: tokens, tileBytes: 2 * numbers, scaleBytes: 4 * scales },
    outputs: [f32Output(places.out, heads * headSize * tile, WEIGHT_TOLERANCE[form])],
  };
}
