// Made-up input for each kernel, laid out in a memory: what the self-test and the tests run kernel and twin on.
import type { Params } from '../wasm/assembler.js';
import { INT8_OFFSET } from './quantise-int8.js';
import type { Args, Shape, Views } from './kernel.js';
import { quantiseRow } from './q15.js';
import { UNROLL } from './spmm-f32.js';
import { evenHead } from './quantise-heads.js';
import { TOKEN_LENGTH } from './quantise-q15.js';
import type { KernelName } from './program.js';
import { BLOCKS_TOGETHER } from './int8-row.js';
import { LARGEST_QUAD, QUAD } from './spmm-quads.js';

export interface Sizes {
  readonly rows: number;
  readonly columns: number;
  /** Chance that a weight or a block is there. */
  readonly density: number;
  /** Tokens of the sequence and heads, for attention. */
  readonly tokens: number;
  readonly heads: number;
}

/** Numbers uniform in [0, 1). */
export type Uniform = () => number;

/** A linear congruential generator (Knuth's MMIX constants, lower half of a product). */
export function uniform(seed: number): Uniform {
  let state = seed | 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

export interface Output {
  readonly type: 'f32' | 'i16' | 'i8' | 'u8';
  /** Address. */
  readonly at: number;
  /** Numbers. */
  readonly length: number;
  /** How far f32 may be off where it is more than rounding, of 1 or of the largest. */
  readonly tolerance?: number;
}

/** Arguments of a kernel, and where its results stand. */
export interface Case<P extends Params> {
  readonly args: Args<P>;
  readonly outputs: readonly Output[];
}

export interface Setup {
  readonly memory: Views;
  readonly shape: Shape;
  readonly sizes: Sizes;
  readonly random: Uniform;
  /** Whether int8 values stand as i16. */
  readonly wide: boolean;
}

type Numbers = Float32Array | Int32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

/** Copies arrays to aligned places after the constants; returns their addresses. */
function placeAll<K extends string>({ u8 }: Views, arrays: Readonly<Record<K, Numbers>>): Record<K, number> {
  let top = 1024;
  const placed = Object.entries<Numbers>(arrays).map(([name, { buffer, byteLength }]) => {
    const at = top;
    u8.set(new Uint8Array(buffer), at);
    top += Math.ceil(byteLength / 64) * 64 + 64;
    return [name, at];
  });
  return Object.fromEntries(placed) as Record<K, number>;
}

const f32Output = (at: number, length: number): Output => ({ type: 'f32', at, length });

const signed = (random: Uniform): number => 2 * random() - 1;

/** Numbers uniform in [-1, 1), and after them zeros where there is `room` for more. */
function floats(length: number, random: Uniform, room = length): Float32Array {
  const numbers = new Float32Array(room);
  for (let i = 0; i < length; i++) numbers[i] = signed(random);
  return numbers;
}

/** A token's or row's numbers in 16-bit fixed point, as long as those in so many columns may be. */
function q15s(length: number, columns: number, random: Uniform): Int16Array {
  const numbers = new Int16Array(length);
  const most = TOKEN_LENGTH / Math.sqrt(columns);
  for (let i = 0; i < length; i++) numbers[i] = Math.round(most * signed(random));
  return numbers;
}

/** Columns of each row, ascending. */
const pattern = ({ rows, density }: Sizes, columns: number, random: Uniform): number[][] =>
  Array.from({ length: rows }, () =>
    Array.from({ length: columns }, (_, column) => column).filter(() => random() < density),
  );

/** Lengthens a row to a multiple of `unit` by zeros. */
const filled = (row: readonly number[], unit: number): number[] => [
  ...row,
  ...new Array<number>(-row.length & (unit - 1)).fill(0),
];

const padded = (row: readonly number[]): number[] => filled(row, UNROLL);

/** Entries of each row, in units of UNROLL. */
const countsOf = (all: readonly (readonly number[])[]): Uint16Array =>
  Uint16Array.from(all, (row) => padded(row).length / UNROLL);

export function spmmF32Case({ memory, shape: { tile }, sizes, random }: Setup) {
  const { rows, columns } = sizes;
  const all = pattern(sizes, columns, random);
  const values = all.flatMap((of) => padded(of).map((_, i) => (i < of.length ? signed(random) : 0)));
  const places = placeAll(memory, {
    values: Float32Array.from(values),
    columns: Uint16Array.from(all.flatMap(padded)),
    counts: countsOf(all),
    x: floats(columns * tile, random),
    y: new Float32Array(rows * tile),
    bias: floats(rows, random),
  });
  return { args: { ...places, rows }, outputs: [f32Output(places.y, rows * tile)] };
}

export function denseF32Case({ memory, shape: { tile }, sizes: { rows: some, columns }, random }: Setup) {
  const rows = 2 * Math.ceil(some / 2);
  const places = placeAll(memory, {
    values: floats(rows * columns, random),
    x: floats(columns * tile, random),
    y: new Float32Array(rows * tile),
    bias: floats(rows, random),
  });
  return { args: { ...places, rows, columns }, outputs: [f32Output(places.y, rows * tile)] };
}

export function spmmQ15Case({ memory, shape: { tile }, sizes, random }: Setup) {
  const { rows, columns } = sizes;
  const all = pattern(sizes, columns, random);
  const scales = new Float32Array(rows);
  const entries = all.flatMap((of, row) => {
    const pairs = padded(of).flatMap((column) => [0, column]);
    scales[row] = quantiseRow(floats(of.length, random), columns, (i, value) => (pairs[2 * i] = value));
    return pairs;
  });
  const places = placeAll(memory, {
    entries: Int16Array.from(entries),
    counts: countsOf(all),
    x: q15s(columns * tile, columns, random),
    y: new Float32Array(rows * tile),
    scales,
    tokenScales: Float32Array.from({ length: tile }, () => random() / TOKEN_LENGTH),
    bias: floats(rows, random),
  });
  return { args: { ...places, rows }, outputs: [f32Output(places.y, rows * tile)] };
}

/** What int8 kernels take for rows of weights besides them. */
const int8Rows = (weights: readonly (readonly number[])[], tile: number, random: Uniform) => ({
  y: new Float32Array(weights.length * tile),
  offsets: Int32Array.from(weights, (of) => -INT8_OFFSET * of.reduce((sum, value) => sum + value, 0)),
  scales: floats(weights.length, random),
  tokenScales: floats(tile, random),
  bias: floats(weights.length, random),
});

/** Blocks of weights up to the largest, activations of 1 to 127. */
export function spmmInt8Case({ memory, shape: { tile }, sizes, random, wide }: Setup) {
  const { rows, columns } = sizes;
  const blocks = Math.ceil(columns / 4);
  const all = pattern(sizes, blocks, random).map(padded);
  const weights = all.map((of) =>
    Array.from({ length: 4 * of.length }, () => Math.round(LARGEST_QUAD * signed(random))),
  );
  const activations = Uint8Array.from({ length: 4 * blocks * tile }, () => 1 + Math.floor(127 * random()));
  const places = placeAll(memory, {
    values: wide ? Int16Array.from(weights.flat()) : Int8Array.from(weights.flat()),
    columns: Uint16Array.from(all.flat()),
    counts: countsOf(all),
    x: wide ? Int16Array.from(activations) : activations,
    ...int8Rows(weights, tile, random),
  });
  return { args: { ...places, rows }, outputs: [f32Output(places.y, rows * tile)] };
}

/** Quads of the largest weights there may be, of any columns. */
export function spmmQuadsCase({ memory, shape: { tile }, sizes, random, wide }: Setup) {
  const { rows, columns } = sizes;
  const all = pattern(sizes, columns, random).map((of) => filled(of, BLOCKS_TOGETHER * QUAD.columns));
  const weights = all.map((of) => of.map(() => Math.round(LARGEST_QUAD * signed(random))));
  const activations = Uint8Array.from({ length: columns * tile }, () => 1 + Math.floor(127 * random()));
  const places = placeAll(memory, {
    values: wide ? Int16Array.from(weights.flat()) : Int8Array.from(weights.flat()),
    columns: Uint16Array.from(all.flat()),
    counts: Uint16Array.from(all, (of) => of.length / (BLOCKS_TOGETHER * QUAD.columns)),
    x: wide ? Int16Array.from(activations) : activations,
    ...int8Rows(weights, tile, random),
  });
  return { args: { ...places, rows }, outputs: [f32Output(places.y, rows * tile)] };
}

/** For the passes that quantise. */
export function quantiseCase(
  { memory, shape: { tile }, sizes: { columns: features }, random }: Setup,
  type: 'i16' | 'u8',
  room = 4 * Math.ceil(features / 4) * tile,
) {
  const places = placeAll(memory, {
    x: floats(features * tile, random, room),
    scales: new Float32Array(tile),
    q: new Int16Array(room),
  });
  const q: Output = { type, at: places.q, length: room };
  return { args: { ...places, features }, outputs: [f32Output(places.scales, tile), q] };
}

export function geluCase(
  { memory, shape: { tile }, sizes: { columns }, random }: Setup,
  error: Pick<Output, 'tolerance'> = {},
) {
  const n = columns * tile;
  const places = placeAll(memory, { x: floats(n, random).map((value) => 7 * value) });
  return { args: { ...places, n }, outputs: [{ ...f32Output(places.x, n), ...error }] };
}

export function addNormCase({ memory, shape: { tile }, sizes: { columns: features }, random }: Setup) {
  const places = placeAll(memory, {
    a: floats(features * tile, random),
    b: floats(features * tile, random),
    y: new Float32Array(features * tile),
    gain: floats(features, random),
    bias: floats(features, random),
  });
  return {
    args: { ...places, features, epsilon: 1e-6 },
    outputs: [f32Output(places.y, features * tile)],
  };
}

/** Room for the scores of so many keys, and one more. */
const scoresOf = (keys: number): Uint8Array => new Uint8Array(64 * (keys + 1));

export function attentionCase({
  memory,
  shape: { tile, headSize },
  sizes: { tokens, heads },
  random,
}: Setup) {
  const tiles = Math.ceil(tokens / tile);
  const numbers = heads * headSize * tile;
  const places = placeAll(memory, {
    q: floats(numbers, random),
    k: floats(numbers * tiles, random),
    v: floats(numbers * tiles, random),
    out: new Float32Array(numbers),
    scores: scoresOf(tokens),
  });
  return {
    args: { ...places, heads, keys: tokens, tileBytes: 4 * numbers },
    outputs: [f32Output(places.out, numbers)],
  };
}

const ROWS = 6;
const GROUP = 8;

export function gatherCase({ memory, shape: { tile }, sizes, random }: Setup, form: 'f32' | 'int8' | 'int4') {
  const features = sizes.columns;
  const width = form === 'int4' ? Math.ceil(features / 2) : features;
  const tokens = Math.min(tile, sizes.tokens);
  const whole = (limit: number) => () => Math.floor(limit * random());
  const places = placeAll(memory, {
    table:
      form === 'f32' ? floats(ROWS * width, random) : Uint8Array.from({ length: ROWS * width }, whole(256)),
    scales: floats(ROWS * Math.ceil(features / GROUP), random),
    rows: Int32Array.from({ length: tokens }, whole(ROWS)),
    y: floats(features * tile, random),
  });
  return {
    args: { ...places, tokens, features, group: GROUP },
    outputs: [f32Output(places.y, features * tile)],
  };
}

export function quantiseHeadsCase(
  { memory, shape, sizes: { heads }, random }: Setup,
  type: 'i16' | 'i8' = 'i16',
) {
  const numbers = heads * evenHead(shape) * shape.tile;
  const places = placeAll(memory, {
    x: floats(heads * shape.headSize * shape.tile, random, numbers),
    q: new Int16Array(numbers),
    scales: new Float32Array(heads * shape.tile),
  });
  const q: Output = { type, at: places.q, length: type === 'i16' ? numbers : 2 * numbers };
  return {
    args: { ...places, heads },
    outputs: [f32Output(places.scales, heads * shape.tile), q],
  };
}

/** Errors of the short forms of GELU. */
const [NEAR, ROUGH] = [{ tolerance: 7e-5 }, { tolerance: 5e-4 }];

/** Of weights rounded to 1/32767: up to half a unit for each of some tens of keys, against a sum that nearly cancels. */
const WEIGHT_TOLERANCE = 2e-3;

export function attentionFixedCase(
  { memory, shape, sizes: { tokens, heads }, random, wide }: Setup,
  form: 'q15' | 'int8' = 'q15',
) {
  const { tile, headSize } = shape;
  const tiles = Math.ceil(tokens / tile);
  const [numbers, scales] = [heads * evenHead(shape) * tile, heads * tile];
  const lanes = (count: number) => q15s(numbers * count, evenHead(shape), random);
  const inBytes = form === 'int8' && !wide;
  /** Queries or keys. */
  const heads8 = (count: number, most: number, bias: number) =>
    inBytes
      ? Int8Array.from({ length: 2 * numbers * count }, () => Math.round(most * signed(random)) + bias)
      : lanes(count);
  const units = (count: number, of = TOKEN_LENGTH) =>
    Float32Array.from({ length: scales * count }, () => (1 + 4 * random()) / of);
  const unit = !inBytes ? TOKEN_LENGTH : 64 * Math.sqrt(headSize);
  const places = placeAll(memory, {
    q: heads8(1, 127, 0),
    k: heads8(tiles, 63, INT8_OFFSET),
    v: lanes(tiles),
    queryScales: units(1, unit),
    keyScales: units(tiles, unit),
    valueScales: units(tiles),
    out: new Float32Array(heads * headSize * tile),
    scores: scoresOf(tokens),
  });
  const out = { ...f32Output(places.out, heads * headSize * tile), tolerance: WEIGHT_TOLERANCE };
  return {
    args: { ...places, heads, keys: tokens, tileBytes: 2 * numbers, scaleBytes: 4 * scales },
    outputs: [out],
  };
}

/** A case of every kernel. */
export const CASES: Readonly<Record<KernelName, (setup: Setup) => Case<Params>>> = {
  spmmF32: spmmF32Case,
  denseF32: denseF32Case,
  denseOne: (setup) => {
    const { args } = denseF32Case(setup);
    return { args, outputs: [f32Output(args.y, args.rows)] };
  },
  quantiseQ15: (setup) => quantiseCase(setup, 'i16', setup.sizes.columns * setup.shape.tile),
  spmmQ15: spmmQ15Case,
  quantiseInt8: (setup) => quantiseCase(setup, setup.wide ? 'i16' : 'u8'),
  spmmInt8: spmmInt8Case,
  quantiseQuads: (setup) => quantiseCase(setup, setup.wide ? 'i16' : 'u8'),
  spmmQuads: spmmQuadsCase,
  gelu: (setup) => geluCase(setup),
  geluNear: (setup) => geluCase(setup, NEAR),
  geluRough: (setup) => geluCase(setup, ROUGH),
  addNorm: addNormCase,
  attention: attentionCase,
  quantiseHeads: (setup) => quantiseHeadsCase(setup),
  quantiseValues: (setup) => quantiseHeadsCase(setup),
  attentionFixed: (setup) => attentionFixedCase(setup),
  quantiseQueries: (setup) => quantiseHeadsCase(setup, setup.wide ? 'i16' : 'i8'),
  quantiseKeys: (setup) => quantiseHeadsCase(setup, setup.wide ? 'i16' : 'i8'),
  attentionInt8: (setup) => attentionFixedCase(setup, 'int8'),
  gatherF32: (setup) => gatherCase(setup, 'f32'),
  gatherInt8: (setup) => gatherCase(setup, 'int8'),
  gatherInt4: (setup) => gatherCase(setup, 'int4'),
};
