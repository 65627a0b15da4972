// Linear layers in the memory, in the layout of their kernels, and how they are applied to a tile.
import { ROWS_TOGETHER } from '../kernels/dense-f32.js';
import { int8Form } from '../kernels/int8.js';
import { quantiseRow } from '../kernels/q15.js';
import { INT8_OFFSET } from '../kernels/quantise-int8.js';
import type { Levels } from '../kernels/self-test.js';
import { UNROLL } from '../kernels/spmm-f32.js';
import { type Arena, placeFloats } from './arena.js';
import type { Bank } from './bank.js';
import { checkLinear } from './check-linear.js';
import type { LinearWeights, SparseRows } from './weights.js';

/** What a layer reads: f32 activations, or their quantised form with a scale for each token. */
export type InputForm = 'f32' | 'q15' | 'int8';

export interface Input {
  readonly x: number;
  readonly tokenScales: number;
}

export interface Linear {
  readonly rows: number;
  readonly columns: number;
  readonly input: InputForm;
  /** y f32 [rows, tile] = W x + b; an odd number of rows may write one more. */
  readonly apply: (bank: Bank, input: Input, y: number) => void;
}

type Of<F extends LinearWeights['form']> = Extract<LinearWeights, { readonly form: F }>;
type Sparse = Extract<LinearWeights, { readonly form: 'f32' | 'q15' }>;

/** Checks the layer and plans its place. */
export function placeLinear(arena: Arena, name: string, weights: LinearWeights, levels: Levels): Linear {
  checkLinear(name, weights);
  switch (weights.form) {
    case 'dense':
      return placeDense(arena, weights);
    case 'f32':
      return placeF32(arena, weights);
    case 'q15':
      return placeQ15(arena, weights);
    case 'int8':
      return placeInt8(arena, weights, levels);
  }
}

function placeDense(arena: Arena, { rows, columns, bias, values }: Of<'dense'>): Linear {
  const even = ROWS_TOGETHER * Math.ceil(rows / ROWS_TOGETHER);
  const at = {
    values: arena.place(4 * even * columns, ({ f32 }, start) => {
      for (let row = 0; row < rows; row++) {
        const to = start / 4 + (row - (row % ROWS_TOGETHER)) * columns + (row % ROWS_TOGETHER);
        for (let i = 0; i < columns; i++) f32[to + ROWS_TOGETHER * i] = values[row * columns + i]!;
      }
    }),
    bias: arena.place(4 * even, ({ f32 }, start) => f32.set(bias, start / 4)),
  };
  const apply: Linear['apply'] = ({ denseF32 }, { x }, y) => denseF32({ ...at, x, y, rows: even, columns });
  return { rows, columns, input: 'f32', apply };
}

const evenCount = (count: number): number => UNROLL * Math.ceil(count / UNROLL);

/** Entries with every row padded to a multiple of UNROLL. */
function paddedEntries({ rowStart }: SparseRows): number {
  let total = 0;
  for (let row = 0; row + 1 < rowStart.length; row++) total += evenCount(rowStart[row + 1]! - rowStart[row]!);
  return total;
}

/** Calls back with first and last entry of every row and where its padded place begins. */
function eachRow(
  { rowStart }: SparseRows,
  visit: (row: number, start: number, end: number, to: number) => void,
): void {
  let to = 0;
  for (let row = 0; row + 1 < rowStart.length; row++) {
    const [start, end] = [rowStart[row]!, rowStart[row + 1]!];
    visit(row, start, end, to);
    to += evenCount(end - start);
  }
}

/** u16 entries of each row, in units of `unit`. */
const placeCounts = (arena: Arena, { rowStart }: SparseRows, unit: number): number =>
  arena.place(2 * (rowStart.length - 1), ({ u16 }, at) => {
    for (let row = 0; row + 1 < rowStart.length; row++)
      u16[at / 2 + row] = Math.ceil((rowStart[row + 1]! - rowStart[row]!) / unit);
  });

function placeF32(arena: Arena, { rows, columns, bias, entries, values, scales }: Sparse): Linear {
  const total = paddedEntries(entries);
  const at = {
    values: arena.place(4 * total, ({ f32 }, place) => {
      eachRow(entries, (row, start, end, to) => {
        const scale = scales?.[row] ?? 1;
        for (let i = start; i < end; i++) f32[place / 4 + to + i - start] = values[i]! * scale;
      });
    }),
    columns: arena.place(2 * total, ({ u16 }, place) => {
      eachRow(entries, (_, start, end, to) => u16.set(entries.columns.subarray(start, end), place / 2 + to));
    }),
    counts: placeCounts(arena, entries, UNROLL),
    bias: placeFloats(arena, bias),
  };
  return { rows, columns, input: 'f32', apply: ({ spmmF32 }, { x }, y) => spmmF32({ ...at, x, y, rows }) };
}

function placeQ15(arena: Arena, { rows, columns, bias, entries, values, scales }: Sparse): Linear {
  const units = new Float32Array(rows);
  const at = {
    entries: arena.place(4 * paddedEntries(entries), ({ i16, u16 }, place) => {
      eachRow(entries, (row, start, end, to) => {
        const first = place / 2 + 2 * to;
        const unit = quantiseRow(values.subarray(start, end), columns, (i, value) => {
          i16[first + 2 * i] = value;
          u16[first + 2 * i + 1] = entries.columns[start + i]!;
        });
        units[row] = unit * (scales?.[row] ?? 1);
      });
    }),
    counts: placeCounts(arena, entries, UNROLL),
    scales: placeFloats(arena, units), // written after the entries
    bias: placeFloats(arena, bias),
  };
  const apply: Linear['apply'] = ({ spmmQ15 }, input, y) => spmmQ15({ ...at, ...input, y, rows });
  return { rows, columns, input: 'q15', apply };
}

function placeInt8(
  arena: Arena,
  { rows, columns, bias, entries, values, scales }: Of<'int8'>,
  levels: Levels,
): Linear {
  const { wide } = int8Form(levels.int8);
  const at = {
    values: arena.place(values.length * (wide ? 2 : 1), ({ i8, i16 }, place) => {
      if (wide) i16.set(values, place / 2);
      else i8.set(values, place);
    }),
    columns: arena.place(2 * entries.columns.length, ({ u16 }, place) => u16.set(entries.columns, place / 2)),
    counts: placeCounts(arena, entries, 1),
    offsets: arena.place(4 * rows, ({ i32 }, place) => {
      for (let row = 0; row < rows; row++) {
        const of = values.subarray(4 * entries.rowStart[row]!, 4 * entries.rowStart[row + 1]!);
        i32[place / 4 + row] = -INT8_OFFSET * of.reduce((sum, value) => sum + value, 0);
      }
    }),
    scales: placeFloats(arena, scales),
    bias: placeFloats(arena, bias),
  };
  const apply: Linear['apply'] = ({ spmmInt8 }, input, y) => spmmInt8({ ...at, ...input, y, rows });
  return { rows, columns, input: 'int8', apply };
}
