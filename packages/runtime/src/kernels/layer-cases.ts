// Made-up layers and activations for the kernels that multiply them.
import { f32Output, floats, placeAll, q15s, type Setup, signed, type Sizes, type Uniform } from './case.js';
import { WEIGHTS_TOGETHER } from './int8-row.js';
import { quantiseRow } from './q15.js';
import { INT8_OFFSET, TOKEN_LENGTH } from './quantise-tokens.js';
import { UNROLL } from './spmm-f32.js';
import { LARGEST_QUAD } from './spmm-quads.js';

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

/** Filled rows in units of so many entries, of which the last stands first. */
const orderOf = (all: readonly (readonly number[])[], unit: number): Int32Array =>
  Int32Array.from(all.flatMap(({ length }, place) => [all.length - 1 - place, length / unit]));

export function spmmF32Case({ memory, shape: { tile }, sizes, random }: Setup) {
  const { rows, columns } = sizes;
  const all = pattern(sizes, columns, random);
  const values = all.flatMap((of) => padded(of).map((_, i) => (i < of.length ? signed(random) : 0)));
  const places = placeAll(memory, {
    values: Float32Array.from(values),
    columns: Uint16Array.from(all.flatMap(padded)),
    order: orderOf(all.map(padded), UNROLL),
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
  const entries = all.flatMap((of, place) => {
    const pairs = padded(of).flatMap((column) => [0, column]);
    scales[rows - 1 - place] = quantiseRow(
      floats(of.length, random),
      columns,
      (i, value) => (pairs[2 * i] = value),
    );
    return pairs;
  });
  const places = placeAll(memory, {
    entries: Int16Array.from(entries),
    order: orderOf(all.map(padded), UNROLL),
    x: q15s(columns * tile, columns, random),
    y: new Float32Array(rows * tile),
    scales,
    tokenScales: Float32Array.from({ length: tile }, () => random() / TOKEN_LENGTH),
    bias: floats(rows, random),
  });
  return { args: { ...places, rows }, outputs: [f32Output(places.y, rows * tile)] };
}

/** Weights up to the largest, of blocks of four columns or of any columns, four of a row together; activations of 1 to 127. */
export function spmmInt8Case({ memory, shape: { tile }, sizes, random, wide }: Setup, width: 1 | 4) {
  const { rows } = sizes;
  const columns = Math.ceil(sizes.columns / width);
  const all = pattern(sizes, columns, random).map((of) => filled(of, WEIGHTS_TOGETHER / width));
  const weights = all.map((of) =>
    Array.from({ length: width * of.length }, () => Math.round(LARGEST_QUAD * signed(random))),
  );
  const activations = Uint8Array.from(
    { length: width * columns * tile },
    () => 1 + Math.floor(127 * random()),
  );
  const places = placeAll(memory, {
    values: wide ? Int16Array.from(weights.flat()) : Int8Array.from(weights.flat()),
    columns: Uint16Array.from(all.flat()),
    order: orderOf(weights, WEIGHTS_TOGETHER),
    x: wide ? Int16Array.from(activations) : activations,
    y: new Float32Array(rows * tile),
    offsets: Int32Array.from(
      weights,
      (of) => -INT8_OFFSET * of.reduce((sum, value) => sum + value, 0),
    ).reverse(),
    scales: floats(rows, random),
    tokenScales: floats(tile, random),
    bias: floats(rows, random),
  });
  return { args: { ...places, rows }, outputs: [f32Output(places.y, rows * tile)] };
}
