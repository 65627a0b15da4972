// The outer loops that the int8 kernels share: i32 sums of a row over the tokens of a tile, two blocks of four weights at a time,
// converted to f32 at the row's end.
import { type Body, type Expr, f32x4, i32, i32x4, type Local, v128 } from '../wasm/assembler.js';
import { count, multiplyAdd, offset, type Shape, splatAt, storeAll, type Views, words } from './kernel.js';

/**
 * Whether sums of a tile are too few for the time that a dot product takes until the next may be added to it: five cycles, in
 * which ten could begin.
 */
export const areFew = ({ tile }: Shape): boolean => tile < 32;

/** Blocks that are added together. */
export const BLOCKS_TOGETHER = 2;

export const INT8_PARAMS = words(
  ...(['values', 'columns', 'counts', 'x', 'y', 'rows', 'offsets', 'scales', 'tokenScales', 'bias'] as const),
);

export type Int8Args = { readonly [K in keyof typeof INT8_PARAMS]: number };
type Int8Locals = { readonly [K in keyof typeof INT8_PARAMS]: Local<'i32'> };

/** What blocks have: bytes of values, columns (one, unless said), and bytes of the activations of what a column stands for. */
interface BlockSizes {
  readonly values: number;
  readonly columns?: number;
  readonly features: number;
}

/**
 * Runs over the rows. `add` adds blocks to the sums, given the address of their values and those of their activations. With
 * `apart` each block has sums of its own, one after the other, which are added at the row's end.
 */
export function int8Rows(
  body: Body,
  { tile }: Shape,
  fused: boolean,
  { values, columns, counts, x, y, rows, offsets, scales, tokenScales, bias }: Int8Locals,
  bytes: BlockSizes,
  add: (value: Local<'i32'>, from: readonly Local<'i32'>[], sums: readonly Local<'v128'>[]) => void,
  apart = false,
): void {
  const madd = multiplyAdd(fused);
  const row = 4 * tile;
  const shift = Math.log2(bytes.features);
  const step = BLOCKS_TOGETHER * bytes.values;
  const taken = BLOCKS_TOGETHER * (bytes.columns ?? 1);
  body.range(y, i32.add(y, i32.mul(rows, row)), row, (out) => {
    const end: Expr<'i32'> = body.let(i32.add(values, i32.mul(i32.load16U(counts), step)));
    const start = body.let(splatAt(offsets));
    const sums = count(tile / 4).map(() => body.let(start));
    const others = apart ? sums.map(() => body.let(i32x4.splat(0))) : [];
    body.range(values, end, step, (at) => {
      const from = count(taken).map((i) => body.let(i32.add(x, i32.shl(i32.load16U(columns, 2 * i), shift))));
      add(at, from, [...sums, ...others]);
      body.set(columns, offset(columns, 2 * taken));
    });
    const scale = body.let(splatAt(scales));
    const added = body.let(splatAt(bias));
    const totals = sums.map((sum, i) => (apart ? i32x4.add(sum, others[i]!) : sum));
    const results = totals.map((sum, i) =>
      madd(f32x4.convertS(sum), f32x4.mul(scale, v128.load(tokenScales, 16 * i)), added),
    );
    storeAll(body, out, results);
    body.set(values, end);
    for (const pointer of [offsets, scales, bias]) body.set(pointer, offset(pointer, 4));
    body.set(counts, offset(counts, 2));
  });
}

/** The naive twin: `value(entry, i)` and `activation(entry, i, token)` are the operands of a block, i from 0 to 3. */
export function int8RowsTwin(
  tile: number,
  { f32, i32: words, u16 }: Views,
  { counts, y, rows, offsets, scales, tokenScales, bias }: Int8Args,
  value: (entry: number, i: number) => number,
  activation: (entry: number, i: number, token: number) => number,
): void {
  let entry = 0;
  for (let row = 0; row < rows; row++) {
    const sums = new Float64Array(tile).fill(words[offsets / 4 + row]!);
    for (const end = entry + BLOCKS_TOGETHER * u16[counts / 2 + row]!; entry < end; entry++) {
      for (let token = 0; token < tile; token++)
        for (let i = 0; i < 4; i++) sums[token]! += value(entry, i) * activation(entry, i, token);
    }
    for (let token = 0; token < tile; token++) {
      const unit = Math.fround(f32[scales / 4 + row]! * f32[tokenScales / 4 + token]!);
      f32[y / 4 + tile * row + token] = sums[token]! * unit + f32[bias / 4 + row]!;
    }
  }
}
