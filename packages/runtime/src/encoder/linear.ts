// Linear layers in the memory, in the layout of their kernels, and how they are applied to a tile.
import { ROWS_TOGETHER } from '../kernels/dense-f32.js';
import { isWide } from '../kernels/int8-layout.js';
import { WEIGHTS_TOGETHER } from '../kernels/int8-row.js';
import type { Bank, Levels } from '../kernels/program.js';
import { quantiseRow } from '../kernels/q15.js';
import { quantiseQuadRow } from '../kernels/quad-row.js';
import { INT8_OFFSET } from '../kernels/quantise-tokens.js';
import { UNROLL } from '../kernels/spmm-f32.js';
import type { Arena } from './arena.js';
import { checkLinear } from './check-linear.js';
import { type RowOrder, orderRows } from './row-order.js';
import type { LinearWeights, SparseRows } from './weights.js';

/** What a layer reads: f32 activations, or their quantised form with a scale for each token. */
export type InputForm = 'f32' | 'q15' | 'int8' | 'quads';

export interface Input {
  readonly x: number;
  readonly tokenScales: number;
}

type Form = LinearWeights['form'];

export interface Int8Places {
  readonly values: number;
  readonly columns: number;
  readonly order: number;
  readonly offsets: number;
  readonly scales: number;
  readonly bias: number;
}

/** Addresses of what a kernel reads of the layer. */
export interface Places {
  readonly dense: { readonly values: number; readonly bias: number };
  readonly f32: {
    readonly values: number;
    readonly columns: number;
    readonly order: number;
    readonly bias: number;
  };
  readonly q15: {
    readonly entries: number;
    readonly order: number;
    readonly scales: number;
    readonly bias: number;
  };
  readonly int8: Int8Places;
  readonly quads: Int8Places;
}

interface Placed<F extends Form> {
  readonly form: F;
  readonly rows: number;
  readonly columns: number;
  readonly at: Places[F];
}

/** A layer in the memory: plain numbers, the same for every thread. */
export type Linear = { readonly [F in Form]: Placed<F> }[Form];

export const inputOf = ({ form }: Linear): InputForm => (form === 'dense' ? 'f32' : form);

const evenRows = (rows: number): number => ROWS_TOGETHER * Math.ceil(rows / ROWS_TOGETHER);

/**
 * y f32 [rows, tile] = W x + b; an odd number of rows may write one more. Arguments are written out: this is called hundreds of
 * times in a forward pass, and Node 20 takes microseconds to spread an object.
 */
export function applyLinear(bank: Bank, linear: Linear, { x, tokenScales }: Input, y: number): void {
  const { rows, columns } = linear;
  switch (linear.form) {
    case 'dense': {
      const { values, bias } = linear.at;
      bank.denseF32({ values, x, y, rows: evenRows(rows), columns, bias });
      return;
    }
    case 'f32': {
      const { values, columns, order, bias } = linear.at;
      bank.spmmF32({ values, columns, order, x, y, rows, bias });
      return;
    }
    case 'q15': {
      const { entries, order, scales, bias } = linear.at;
      bank.spmmQ15({ entries, order, x, y, rows, scales, tokenScales, bias });
      return;
    }
    case 'int8':
    case 'quads': {
      const { values, columns, order, offsets, scales, bias } = linear.at;
      const spmm = linear.form === 'int8' ? bank.spmmInt8 : bank.spmmQuads;
      spmm({ values, columns, order, x, y, rows, offsets, scales, tokenScales, bias });
    }
  }
}

/** As applyLinear, of a single token: x f32 [columns], y f32 [rows]. For dense layers. */
export function applyToOne(bank: Bank, { rows, columns, at }: Placed<'dense'>, x: number, y: number): void {
  bank.denseOne({ ...at, x, y, rows: evenRows(rows), columns });
}

type Of<F extends Form> = Extract<LinearWeights, { readonly form: F }>;
type Sparse = Extract<LinearWeights, { readonly form: 'f32' | 'q15' | 'quads' }>;

/** Checks the layer and writes it into its place. */
export function placeLinear(arena: Arena, name: string, weights: LinearWeights, levels: Levels): Linear {
  checkLinear(name, weights);
  const { rows, columns } = weights;
  switch (weights.form) {
    case 'dense':
      return { form: 'dense', rows, columns, at: placeDense(arena, weights) };
    case 'f32':
      return { form: 'f32', rows, columns, at: placeF32(arena, weights) };
    case 'q15':
      return { form: 'q15', rows, columns, at: placeQ15(arena, weights) };
    case 'int8':
    case 'quads':
      return { form: weights.form, rows, columns, at: placeInt8(arena, weights, levels) };
  }
}

// Room for a layer; `total` is its number of entries, padded ones among them, of `width` values each.
export const roomFor = {
  dense: (arena: Arena, rows: number, columns: number): Places['dense'] => ({
    values: arena.place(4 * evenRows(rows) * columns),
    bias: arena.place(4 * evenRows(rows)),
  }),
  f32: (arena: Arena, rows: number, total: number): Places['f32'] => ({
    values: arena.place(4 * total),
    columns: arena.place(2 * total),
    order: arena.place(8 * rows),
    bias: arena.place(4 * rows),
  }),
  q15: (arena: Arena, rows: number, total: number): Places['q15'] => ({
    entries: arena.place(4 * total),
    order: arena.place(8 * rows),
    scales: arena.place(4 * rows),
    bias: arena.place(4 * rows),
  }),
  int8: (arena: Arena, rows: number, total: number, width: 1 | 4, wide: boolean): Int8Places => ({
    values: arena.place(width * total * (wide ? 2 : 1)),
    columns: arena.place(2 * total),
    order: arena.place(8 * rows),
    offsets: arena.place(4 * rows),
    scales: arena.place(4 * rows),
    bias: arena.place(4 * rows),
  }),
};

function placeDense(arena: Arena, { rows, columns, bias, values }: Of<'dense'>): Places['dense'] {
  const at = roomFor.dense(arena, rows, columns);
  const { f32 } = arena.views();
  for (let row = 0; row < rows; row++) {
    const to = at.values / 4 + (row - (row % ROWS_TOGETHER)) * columns + (row % ROWS_TOGETHER);
    for (let i = 0; i < columns; i++) f32[to + ROWS_TOGETHER * i] = values[row * columns + i]!;
  }
  f32.set(bias, at.bias / 4);
  return at;
}

/** How the rows stand, each filled up to a multiple of `unit`. */
const ordered = ({ rowStart }: SparseRows, unit: number): RowOrder =>
  orderRows(
    Uint32Array.from({ length: rowStart.length - 1 }, (_, row) => rowStart[row + 1]! - rowStart[row]!),
    unit,
  );

/** Calls back with first and last entry of every row and where its place begins. */
function eachRow(
  { rowStart }: SparseRows,
  { starts }: RowOrder,
  visit: (row: number, start: number, end: number, to: number) => void,
): void {
  starts.forEach((to, row) => {
    visit(row, rowStart[row]!, rowStart[row + 1]!, to);
  });
}

function placeF32(arena: Arena, { rows, bias, entries, values, scales }: Sparse): Places['f32'] {
  const of = ordered(entries, UNROLL);
  const at = roomFor.f32(arena, rows, of.total);
  const { f32, u16, i32 } = arena.views();
  i32.set(of.order, at.order / 4);
  f32.set(bias, at.bias / 4);
  eachRow(entries, of, (row, start, end, to) => {
    const scale = scales?.[row] ?? 1;
    for (let i = start; i < end; i++) f32[at.values / 4 + to + i - start] = values[i]! * scale;
    u16.set(entries.columns.subarray(start, end), at.columns / 2 + to);
  });
  return at;
}

function placeQ15(arena: Arena, { rows, columns, bias, entries, values, scales }: Sparse): Places['q15'] {
  const of = ordered(entries, UNROLL);
  const at = roomFor.q15(arena, rows, of.total);
  const { f32, i16, u16, i32 } = arena.views();
  i32.set(of.order, at.order / 4);
  f32.set(bias, at.bias / 4);
  eachRow(entries, of, (row, start, end, to) => {
    const first = at.entries / 2 + 2 * to;
    const unit = quantiseRow(values.subarray(start, end), columns, (i, value) => {
      i16[first + 2 * i] = value;
      u16[first + 2 * i + 1] = entries.columns[start + i]!;
    });
    f32[at.scales / 4 + row] = unit * (scales?.[row] ?? 1);
  });
  return at;
}

/** Rows of blocks of four or of single values, as whole numbers up to LARGEST_QUAD. */
function placeInt8(
  arena: Arena,
  { form, rows, bias, entries, values, scales }: Of<'int8'> | Sparse,
  levels: Levels,
): Int8Places {
  const wide = isWide(levels.int8);
  const width = form === 'int8' ? 4 : 1;
  const of = ordered(entries, WEIGHTS_TOGETHER / width);
  const at = roomFor.int8(arena, rows, of.total, width, wide);
  const { i8, i16, u16, i32, f32 } = arena.views();
  i32.set(of.order, at.order / 4);
  f32.set(bias, at.bias / 4);
  const places = wide ? i16.subarray(at.values / 2) : i8.subarray(at.values);
  eachRow(entries, of, (row, start, end, to) => {
    let sum = 0;
    const worth = quantiseQuadRow(values.subarray(width * start, width * end), (i, value) => {
      places[width * to + i] = value;
      sum += value;
    });
    u16.set(entries.columns.subarray(start, end), at.columns / 2 + to);
    i32[at.offsets / 4 + row] = -INT8_OFFSET * sum;
    f32[at.scales / 4 + row] = worth * (scales?.[row] ?? 1);
  });
  return at;
}
