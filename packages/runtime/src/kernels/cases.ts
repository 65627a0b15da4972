// Made-up input for each kernel, laid out in a memory: what the self-test and the tests run kernel and twin on.
import type { Params } from '../wasm/assembler.js';
import { BLOCKS_TOGETHER } from './int8-row.js';
import { INT8_OFFSET } from './quantise-int8.js';
import { MOST_TOGETHER } from './spmm-int8.js';
import type { Args, Shape, Views } from './kernel.js';
import { quantiseRow } from './q15.js';
import { UNROLL } from './spmm-f32.js';
import { evenHead } from './quantise-heads.js';
import { TOKEN_LENGTH } from './quantise-q15.js';
import type { KernelName } from './program.js';

export interface Sizes {
  readonly rows: number;
  readonly columns: number;
  /** Chance that a weight or a block is there. */
  readonly density: number;
  /** Tokens of the sequence, for attention. */
  readonly tokens: number;
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
  readonly type: 'f32' | 'i16' | 'u8';
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

/** Hands out aligned places after the constants. */
export function places(): (bytes: number) => number {
  let top = 1024;
  return (bytes) => {
    const at = top;
    top += Math.ceil(bytes / 64) * 64 + 64;
    return at;
  };
}

const f32Output = (at: number, length: number): Output => ({ type: 'f32', at, length });

const signed = (random: Uniform): number => 2 * random() - 1;

function fill(array: Float32Array, at: number, length: number, random: Uniform): void {
  for (let i = 0; i < length; i++) array[at / 4 + i] = signed(random);
}

/** Columns of each row, ascending. */
const pattern = ({ rows, density }: Sizes, columns: number, random: Uniform): number[][] =>
  Array.from({ length: rows }, () =>
    Array.from({ length: columns }, (_, column) => column).filter(() => random() < density),
  );

/** Lengthens a row to a multiple of UNROLL by weights of zero. */
const padded = (row: readonly number[]): number[] => [...row, ...(row.length % UNROLL === 1 ? [0] : [])];

export function spmmF32Case({ memory, shape: { tile }, sizes, random }: Setup) {
  const { rows, columns } = sizes;
  const all = pattern(sizes, columns, random);
  const place = places();
  const total = all.reduce((sum, row) => sum + padded(row).length, 0);
  const args = {
    values: place(4 * total),
    columns: place(2 * total),
    counts: place(2 * rows),
    x: place(4 * columns * tile),
    y: place(4 * rows * tile),
    bias: place(4 * rows),
    rows,
  };
  let entry = 0;
  for (const [row, of] of all.entries()) {
    memory.u16[args.counts / 2 + row] = padded(of).length / UNROLL;
    padded(of).forEach((column, i) => {
      memory.f32[args.values / 4 + entry] = i < of.length ? signed(random) : 0;
      memory.u16[args.columns / 2 + entry++] = column;
    });
  }
  fill(memory.f32, args.x, columns * tile, random);
  fill(memory.f32, args.bias, rows, random);
  return { args, outputs: [f32Output(args.y, rows * tile)] };
}

export function denseF32Case({ memory, shape: { tile }, sizes: { rows: some, columns }, random }: Setup) {
  const rows = 2 * Math.ceil(some / 2);
  const place = places();
  const args = {
    values: place(4 * rows * columns),
    x: place(4 * columns * tile),
    y: place(4 * rows * tile),
    bias: place(4 * rows),
    rows,
    columns,
  };
  fill(memory.f32, args.values, rows * columns, random);
  fill(memory.f32, args.x, columns * tile, random);
  fill(memory.f32, args.bias, rows, random);
  return { args, outputs: [f32Output(args.y, rows * tile)] };
}

export function spmmQ15Case({ memory, shape: { tile }, sizes, random }: Setup) {
  const { rows, columns } = sizes;
  const all = pattern(sizes, columns, random);
  const place = places();
  const args = {
    entries: place(4 * all.reduce((sum, row) => sum + padded(row).length, 0)),
    counts: place(2 * rows),
    x: place(2 * columns * tile),
    y: place(4 * rows * tile),
    scales: place(4 * rows),
    tokenScales: place(4 * tile),
    bias: place(4 * rows),
    rows,
  };
  let entry = args.entries / 2;
  for (const [row, of] of all.entries()) {
    const values = Float32Array.from(of, () => signed(random));
    memory.u16[args.counts / 2 + row] = padded(of).length / UNROLL;
    padded(of).forEach((column, i) => {
      memory.i16[entry + 2 * i] = 0;
      memory.u16[entry + 2 * i + 1] = column;
    });
    const scale = quantiseRow(values, columns, (i, value) => (memory.i16[entry + 2 * i] = value));
    memory.f32[args.scales / 4 + row] = scale;
    entry += 2 * padded(of).length;
  }
  const most = TOKEN_LENGTH / Math.sqrt(columns);
  for (let i = 0; i < columns * tile; i++) memory.i16[args.x / 2 + i] = Math.round(most * signed(random));
  for (let i = 0; i < tile; i++) memory.f32[args.tokenScales / 4 + i] = random() / TOKEN_LENGTH;
  fill(memory.f32, args.bias, rows, random);
  return { args, outputs: [f32Output(args.y, rows * tile)] };
}

/** Pairs of blocks with weights up to the largest that a pair may have, activations of 1 to 127. */
export function spmmInt8Case({ memory, shape: { tile }, sizes, random, wide }: Setup) {
  const { rows, columns } = sizes;
  const blocks = Math.ceil(columns / 4);
  const all = pattern(sizes, blocks, random).map(padded);
  const total = all.reduce((sum, row) => sum + row.length, 0);
  const width = wide ? 2 : 1;
  const place = places();
  const args = {
    values: place(4 * width * total),
    columns: place(2 * total),
    counts: place(2 * rows),
    x: place(4 * width * blocks * tile),
    y: place(4 * rows * tile),
    offsets: place(4 * rows),
    scales: place(4 * rows),
    tokenScales: place(4 * tile),
    bias: place(4 * rows),
    rows,
  };
  const [values, activations] = wide
    ? [memory.i16.subarray(args.values / 2), memory.i16.subarray(args.x / 2)]
    : [memory.i8.subarray(args.values), memory.u8.subarray(args.x)];
  const most = Math.floor(MOST_TOGETHER / 4);
  let entry = 0;
  for (const [row, of] of all.entries()) {
    memory.u16[args.counts / 2 + row] = of.length / BLOCKS_TOGETHER;
    let sum = 0;
    for (const block of of) {
      for (let i = 0; i < 4; i++) sum += values[4 * entry + i] = Math.round(most * signed(random));
      memory.u16[args.columns / 2 + entry++] = block;
    }
    memory.i32[args.offsets / 4 + row] = -INT8_OFFSET * sum;
  }
  for (let i = 0; i < 4 * blocks * tile; i++) activations[i] = 1 + Math.floor(127 * random());
  fill(memory.f32, args.scales, rows, random);
  fill(memory.f32, args.tokenScales, tile, random);
  fill(memory.f32, args.bias, rows, random);
  return { args, outputs: [f32Output(args.y, rows * tile)] };
}

/** For the three passes that quantise. */
export function quantiseCase(
  { memory, shape: { tile }, sizes: { columns }, random }: Setup,
  form: 'q15' | 'int8' | 'pairs',
) {
  const blocks = Math.ceil(columns / 4);
  const place = places();
  const args = {
    x: place(16 * blocks * tile),
    scales: place(4 * tile),
    q: place(8 * blocks * tile),
    features: columns,
  };
  fill(memory.f32, args.x, columns * tile, random);
  const length = tile * (form === 'q15' ? columns : 4 * blocks);
  const q: Output = { type: form === 'int8' ? 'u8' : 'i16', at: args.q, length };
  return { args, outputs: [f32Output(args.scales, tile), q] };
}

export function geluCase({ memory, shape: { tile }, sizes: { columns }, random }: Setup) {
  const args = { x: places()(0), n: columns * tile };
  for (let i = 0; i < args.n; i++) memory.f32[args.x / 4 + i] = 7 * signed(random);
  return { args, outputs: [f32Output(args.x, args.n)] };
}

export function addNormCase({ memory, shape: { tile }, sizes: { columns }, random }: Setup) {
  const place = places();
  const bytes = 4 * columns * tile;
  const args = {
    a: place(bytes),
    b: place(bytes),
    y: place(bytes),
    gain: place(4 * columns),
    bias: place(4 * columns),
    features: columns,
    epsilon: 1e-6,
  };
  for (const at of [args.a, args.b]) fill(memory.f32, at, columns * tile, random);
  for (const at of [args.gain, args.bias]) fill(memory.f32, at, columns, random);
  return { args, outputs: [f32Output(args.y, columns * tile)] };
}

export function attentionCase({ memory, shape: { tile, headSize }, sizes: { tokens }, random }: Setup) {
  const heads = 2;
  const tiles = Math.ceil(tokens / tile);
  const floats = heads * headSize * tile;
  const place = places();
  const args = {
    q: place(4 * floats),
    k: place(4 * floats * tiles),
    v: place(4 * floats * tiles),
    out: place(4 * floats),
    scores: place(64 * (tokens + 1)),
    heads,
    keys: tokens,
    tileBytes: 4 * floats,
  };
  fill(memory.f32, args.q, floats, random);
  for (const at of [args.k, args.v]) fill(memory.f32, at, floats * tiles, random);
  return { args, outputs: [f32Output(args.out, floats)] };
}

const ROWS = 6;
const GROUP = 8;

export function gatherCase({ memory, shape: { tile }, sizes, random }: Setup, form: 'f32' | 'int8' | 'int4') {
  const features = sizes.columns;
  const bytes = { f32: 4 * features, int8: features, int4: Math.ceil(features / 2) }[form];
  const scales = ROWS * Math.ceil(features / GROUP);
  const tokens = Math.min(tile, sizes.tokens);
  const place = places();
  const args = {
    table: place(ROWS * bytes),
    scales: place(4 * scales),
    rows: place(4 * tokens),
    tokens,
    y: place(4 * features * tile),
    features,
    group: GROUP,
  };
  if (form === 'f32') fill(memory.f32, args.table, ROWS * features, random);
  else for (let i = 0; i < ROWS * bytes; i++) memory.u8[args.table + i] = Math.floor(256 * random());
  fill(memory.f32, args.scales, scales, random);
  fill(memory.f32, args.y, features * tile, random);
  for (let i = 0; i < tokens; i++) memory.i32[args.rows / 4 + i] = Math.floor(ROWS * random());
  return { args, outputs: [f32Output(args.y, features * tile)] };
}

export function quantiseHeadsCase({ memory, shape, random }: Setup) {
  const heads = 2;
  const numbers = heads * evenHead(shape) * shape.tile;
  const place = places();
  const args = { x: place(4 * numbers), q: place(2 * numbers), scales: place(4 * heads * shape.tile), heads };
  fill(memory.f32, args.x, heads * shape.headSize * shape.tile, random);
  const q: Output = { type: 'i16', at: args.q, length: numbers };
  return { args, outputs: [f32Output(args.scales, heads * shape.tile), q] };
}

const NEAR_GELU_ERROR = 6e-5;

/** Of weights rounded to 1/32767: up to half a unit for each of some tens of keys, against a sum that nearly cancels. */
const WEIGHT_TOLERANCE = 2e-3;

export function attentionFixedCase({ memory, shape, sizes: { tokens }, random }: Setup) {
  const { tile, headSize } = shape;
  const heads = 2;
  const tiles = Math.ceil(tokens / tile);
  const [numbers, scales] = [heads * evenHead(shape) * tile, heads * tile];
  const place = places();
  const args = {
    q: place(2 * numbers),
    k: place(2 * numbers * tiles),
    v: place(2 * numbers * tiles),
    queryScales: place(4 * scales),
    keyScales: place(4 * scales * tiles),
    valueScales: place(4 * scales * tiles),
    out: place(4 * heads * headSize * tile),
    scores: place(64 * (tokens + 1)),
    ...{ heads, keys: tokens, tileBytes: 2 * numbers, scaleBytes: 4 * scales },
  };
  const most = TOKEN_LENGTH / Math.sqrt(evenHead(shape));
  for (const [at, of] of [
    [args.q, 1],
    [args.k, tiles],
    [args.v, tiles],
  ] as const)
    for (let i = 0; i < numbers * of; i++) memory.i16[at / 2 + i] = Math.round(most * signed(random));
  for (const [at, of] of [
    [args.queryScales, 1],
    [args.keyScales, tiles],
    [args.valueScales, tiles],
  ] as const)
    for (let i = 0; i < scales * of; i++) memory.f32[at / 4 + i] = (1 + 4 * random()) / TOKEN_LENGTH;
  const out = { ...f32Output(args.out, heads * headSize * tile), tolerance: WEIGHT_TOLERANCE };
  return { args, outputs: [out] };
}

/** A case of every kernel. */
export const CASES: Readonly<Record<KernelName, (setup: Setup) => Case<Params>>> = {
  spmmF32: spmmF32Case,
  denseF32: denseF32Case,
  denseOne: (setup) => {
    const { args } = denseF32Case(setup);
    return { args, outputs: [f32Output(args.y, args.rows)] };
  },
  quantiseQ15: (setup) => quantiseCase(setup, 'q15'),
  spmmQ15: spmmQ15Case,
  quantiseInt8: (setup) => quantiseCase(setup, setup.wide ? 'pairs' : 'int8'),
  spmmInt8: spmmInt8Case,
  gelu: geluCase,
  geluNear: (setup) => {
    const { args, outputs } = geluCase(setup);
    return { args, outputs: outputs.map((output) => ({ ...output, tolerance: NEAR_GELU_ERROR })) };
  },
  addNorm: addNormCase,
  attention: attentionCase,
  quantiseHeads: quantiseHeadsCase,
  quantiseValues: quantiseHeadsCase,
  attentionFixed: attentionFixedCase,
  gatherF32: (setup) => gatherCase(setup, 'f32'),
  gatherInt8: (setup) => gatherCase(setup, 'int8'),
  gatherInt4: (setup) => gatherCase(setup, 'int4'),
};
