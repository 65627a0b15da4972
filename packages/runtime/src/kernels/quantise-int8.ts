// Activations to 7 bits, each token by its largest magnitude, offset by 64: 1 to 127. For blocks four features of a token stand
// together, as bytes for the relaxed kernels and as two pairs of i16 for the plain one; for quads features stand apart.
import {
  type Body,
  defineFunction,
  type Expr,
  f32x4,
  i32,
  i32x4,
  i8x16,
  type Local,
  v128,
} from '../wasm/assembler.js';
import { constant, ROUNDING, ROUNDING_BITS } from './constants.js';
import {
  count,
  floats,
  kernel,
  type Kernel,
  multiplyAdd,
  offset,
  type Shape,
  narrowed,
  storeAll,
  storeReciprocals,
  tokensTogether,
  type Views,
  words,
} from './kernel.js';
import { roundToEven } from './quantise-q15.js';

export const INT8_OFFSET = 64;
const LEAST = 1e-20;

const PARAMS = words('x', 'q', 'scales', 'features');
type Quantise = Kernel<typeof PARAMS>;

/** Zeros the features that fill up the last block of four; x has room for them. */
function fillBlock(body: Body, x: Expr<'i32'>, features: Local<'i32'>, tile: number): void {
  const blocks = i32.shrU(i32.add(features, 3), 2);
  body.range(features, i32.shl(blocks, 2), 1, (feature) => {
    const at = body.let(i32.add(x, i32.mul(feature, 4 * tile)));
    for (let token = 0; token < tile; token += 4) body.store(at, floats(0), 4 * token);
  });
}

/** Writes four features of some tokens, eight or sixteen, given as i32 lanes in vectors of four tokens. */
type Store = (
  body: Body,
  out: Expr<'i32'>,
  features: readonly (readonly Expr<'v128'>[])[],
  tile: number,
) => void;

/** Integers up to `most`, more than they are by `bias`. */
export interface Range {
  readonly most: number;
  readonly bias: number;
}

const ACTIVATIONS: Range = { most: 63, bias: INT8_OFFSET };

/** What one token has in q beside the next one, and four features of it, in bytes. */
interface TokenBytes {
  readonly token: number;
  readonly block: number;
}

/** Quantises the tokens of a tile, whose features stand from `x` to `end`; moves all four on. */
export function quantiseTokens(
  body: Body,
  { tile }: Shape,
  fused: boolean,
  { x, end, q, scales }: Readonly<Record<'x' | 'end' | 'q' | 'scales', Local<'i32'>>>,
  { most, bias }: Range,
  bytes: TokenBytes,
  store: Store,
): void {
  const madd = multiplyAdd(fused);
  const row = 4 * tile;
  const bits = body.let(i32x4.splat(ROUNDING_BITS - bias));
  const tokens = tokensTogether({ tile });
  const vectors = count(tokens / 4);
  body.range(0, row, 4 * tokens, () => {
    const largest = vectors.map(() => body.let(floats(LEAST)));
    body.range(x, end, row, (at) => {
      for (const i of vectors)
        body.set(largest[i]!, f32x4.pmax(largest[i]!, f32x4.abs(v128.load(at, 16 * i))));
    });
    const factors = largest.map((value) => body.let(f32x4.div(floats(most), value)));
    storeReciprocals(body, scales, factors, 0);
    const out = body.let(q);
    body.range(x, end, 4 * row, (at) => {
      const lanes = count(4).map((feature) =>
        vectors.map((i) => {
          const x = v128.load(at, feature * row + 16 * i);
          return i32x4.sub(madd(x, factors[i]!, constant(ROUNDING)), bits);
        }),
      );
      store(body, out, lanes, tile);
      body.set(out, offset(out, bytes.block * tile));
    });
    for (const pointer of [x, end, scales]) body.set(pointer, offset(pointer, 4 * tokens));
    body.set(q, offset(q, tokens * bytes.token));
  });
}

const quantise =
  (bytes: TokenBytes, store: Store): Quantise['wasm'] =>
  (shape, fused) =>
    defineFunction(PARAMS, (body, { x, q, scales, features }) => {
      const { tile } = shape;
      fillBlock(body, x, features, tile);
      const end = body.let(i32.add(x, i32.mul(features, 4 * tile)));
      quantiseTokens(body, shape, fused, { x, end, q, scales }, ACTIVATIONS, bytes, store);
    });

/** The naive twin: `store(feature, token, value)`. */
export function quantiseTwin(
  { tile }: Shape,
  { f32 }: Views,
  { x, scales, features }: { readonly x: number; readonly scales: number; readonly features: number },
  store: (feature: number, token: number, value: number) => void,
  { most, bias }: Range = ACTIVATIONS,
): void {
  const padded = 4 * Math.ceil(features / 4);
  f32.fill(0, x / 4 + features * tile, x / 4 + padded * tile);
  for (let token = 0; token < tile; token++) {
    const at = (feature: number): number => f32[x / 4 + feature * tile + token]!;
    let largest = LEAST;
    for (let feature = 0; feature < features; feature++) largest = Math.max(largest, Math.abs(at(feature)));
    const factor = Math.fround(most / largest);
    f32[scales / 4 + token] = 1 / factor;
    for (let feature = 0; feature < padded; feature++)
      store(feature, token, roundToEven(Math.fround(at(feature) * factor)) + bias);
  }
}

/** Stores vectors that each have all features of their tokens: those of feature i by `bits` * i bits to the left. */
export function storeFeatures(
  body: Body,
  out: Expr<'i32'>,
  features: readonly (readonly Expr<'v128'>[])[],
  bits: number,
  bytes: number,
): void {
  const shifted = features.map((lanes, i) => lanes.map((of) => i32x4.shl(of, bits * i)));
  storeAll(
    body,
    out,
    shifted.reduce((all, lanes) => all.map((of, i) => v128.or(of, lanes[i]!))),
    bytes,
  );
}

/** Stores features apart, each as bytes: what `narrow` makes of words. */
export function storeBytes(
  body: Body,
  out: Expr<'i32'>,
  features: readonly (readonly Expr<'v128'>[])[],
  tile: number,
  narrow: typeof i8x16.narrowS,
): void {
  features.forEach((lanes, i) => {
    const [low, high] = narrowed(lanes).map((words) => body.let(words));
    if (high) body.store(out, narrow(low!, high), i * tile);
    else body.storeHalf(out, narrow(low!, low!), i * tile);
  });
}

/** x f32 [features, tile] -> q u8 [features / 4, tile, 4], scales f32 [tile]: what one unit is worth. */
export const quantiseInt8 = kernel({
  wasm: quantise({ token: 4, block: 4 }, (body, out, features) => {
    storeFeatures(body, out, features, 8, 0);
  }),
  twin: (shape) => (memory, args) => {
    quantiseTwin(shape, memory, args, (feature, token, value) => {
      memory.u8[args.q + 4 * ((feature >> 2) * shape.tile + token) + (feature & 3)] = value;
    });
  },
});

/** The same values as i16, q i16 [features / 4, 2, tile, 2]. */
export const quantiseInt8Pairs = kernel({
  wasm: quantise({ token: 4, block: 8 }, (body, out, features, tile) => {
    for (const pair of [0, 2]) storeFeatures(body, out, features.slice(pair, pair + 2), 16, 2 * pair * tile);
  }),
  twin: (shape) => (memory, args) => {
    quantiseTwin(shape, memory, args, (feature, token, value) => {
      memory.i16[args.q / 2 + 2 * ((feature >> 1) * shape.tile + token) + (feature & 1)] = value;
    });
  },
});

/** x f32 [features, tile] -> q u8 [features, tile], scales f32 [tile]. */
export const quantiseQuads = kernel({
  wasm: quantise({ token: 1, block: 4 }, (body, out, features, tile) => {
    storeBytes(body, out, features, tile, i8x16.narrowU);
  }),
  twin: (shape) => (memory, args) => {
    quantiseTwin(shape, memory, args, (feature, token, value) => {
      memory.u8[args.q + feature * shape.tile + token] = value;
    });
  },
});

/** The same values as i16. */
export const quantiseQuadsWide = kernel({
  wasm: quantise({ token: 2, block: 8 }, (body, out, features, tile) => {
    features.forEach((lanes, i) => {
      storeAll(body, out, narrowed(lanes), 2 * i * tile);
    });
  }),
  twin: (shape) => (memory, args) => {
    quantiseTwin(shape, memory, args, (feature, token, value) => {
      memory.i16[args.q / 2 + feature * shape.tile + token] = value;
    });
  },
});
