// What a packed tensor is in memory. Matrices are [rows, columns]: the first extent, and the product of the others.
import { nibbleOf } from './bytes.js';
import { f16ToF32 } from './half.js';

export type Shape = readonly number[];

/** Kinds of this version, in the order of docs/format.md. */
export const KINDS = [
  'f32',
  'f16',
  'int8',
  'int4',
  'sparse-int8',
  'sparse-codebook',
  'sparse-f16',
  'sparse-1x4',
] as const;
export type Kind = (typeof KINDS)[number];

export interface Dense<K extends Kind, D> {
  readonly kind: K;
  readonly shape: Shape;
  readonly data: D;
}

/** int8 with a scale a row. */
export interface Int8 extends Dense<'int8', Int8Array> {
  readonly scales: Float32Array;
}

/** Two columns a byte, the first in the lower half, each less 8; rows begin at a byte. */
export interface Int4 extends Dense<'int4', Uint8Array> {
  /** Columns that share a scale; the last group of a row may be shorter. */
  readonly group: number;
  /** By row, then by group. */
  readonly scales: Float32Array;
}

/** Values of row r stand at starts[r] to starts[r + 1], in ascending columns. */
interface Sparse<K extends Kind, D> extends Dense<K, D> {
  readonly starts: Uint32Array;
  /** Of `sparse-1x4` the number of the block of four columns. */
  readonly columns: Uint16Array;
}

export interface SparseInt8 extends Sparse<'sparse-int8', Int8Array> {
  readonly scales: Float32Array;
}

/** Indices into sixteen values. */
export interface SparseCodebook extends Sparse<'sparse-codebook', Uint8Array> {
  readonly codebook: Float32Array;
}

/** Four values a block. */
export interface Sparse1x4 extends Sparse<'sparse-1x4', Int8Array> {
  readonly scales: Float32Array;
}

export type PackTensor =
  | Dense<'f32', Float32Array>
  | Dense<'f16', Uint16Array>
  | Int8
  | Int4
  | SparseInt8
  | SparseCodebook
  | Sparse<'sparse-f16', Uint16Array>
  | Sparse1x4;

export interface Extent {
  readonly rows: number;
  readonly columns: number;
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);

export const extentOf = (shape: Shape): Extent => ({
  rows: shape[0] ?? 1,
  columns: sizeOf(shape.slice(1)),
});

/** Four-bit values one by one, -8 to 7: [rows, columns]. */
export function unpackNibbles(bytes: Uint8Array, { rows, columns }: Extent): Int8Array {
  const stride = (columns + 1) >>> 1;
  const values = new Int8Array(rows * columns);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      values[at] = nibbleOf(bytes, 2 * row * stride + column) - 8;
    }
  }
  return values;
}

/** Whole numbers [rows, columns] in float32, by a scale for every `group` columns of a row: `from` with a callback is ten times slower. */
function scaled(
  numbers: Int8Array,
  { rows, columns }: Extent,
  scales: Float32Array,
  group: number,
): Float32Array {
  const values = new Float32Array(numbers.length);
  for (let row = 0, at = 0, next = 0; row < rows; row++) {
    for (let column = 0; column < columns; next++) {
      const scale = scales[next]!;
      for (const end = Math.min(columns, column + group); column < end; column++, at++)
        values[at] = numbers[at]! * scale;
    }
  }
  return values;
}

/** Writes every value of a sparse tensor to its place; `width` values stand together. */
function scatter(
  { shape, starts, columns }: Sparse<Kind, unknown>,
  width: number,
  value: (at: number, row: number) => number,
): Float32Array {
  const extent = extentOf(shape);
  const dense = new Float32Array(extent.rows * extent.columns);
  for (let row = 0; row < extent.rows; row++) {
    for (let at = starts[row]!; at < starts[row + 1]!; at++) {
      const column = columns[at]! * width;
      for (let i = 0; i < width && column + i < extent.columns; i++) {
        dense[row * extent.columns + column + i] = value(at * width + i, row);
      }
    }
  }
  return dense;
}

/** The tensor in float32, zeros included. */
export function denseOf(tensor: PackTensor): Float32Array {
  switch (tensor.kind) {
    case 'f32':
      return tensor.data;
    case 'f16':
      return f16ToF32(tensor.data);
    case 'int8': {
      const extent = extentOf(tensor.shape);
      return scaled(tensor.data, extent, tensor.scales, extent.columns);
    }
    case 'int4': {
      const extent = extentOf(tensor.shape);
      return scaled(unpackNibbles(tensor.data, extent), extent, tensor.scales, tensor.group);
    }
    case 'sparse-int8':
      return scatter(tensor, 1, (at, row) => tensor.data[at]! * tensor.scales[row]!);
    case 'sparse-codebook':
      return scatter(tensor, 1, (at) => tensor.codebook[tensor.data[at]!]!);
    case 'sparse-f16': {
      const values = f16ToF32(tensor.data);
      return scatter(tensor, 1, (at) => values[at]!);
    }
    case 'sparse-1x4':
      return scatter(tensor, 4, (at, row) => tensor.data[at]! * tensor.scales[row]!);
  }
}
