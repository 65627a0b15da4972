// The outer loop that both int8 kernels share: i32 sums of a row over the tokens of a tile, converted to f32 at its end.
import { type Body, type Expr, f32x4, i32, type Local, v128 } from '../wasm/assembler.js';
import { count, multiplyAdd, offset, type Shape, splatAt, type Views, words } from './kernel.js';

export const INT8_PARAMS = words(
  ...(['values', 'columns', 'counts', 'x', 'y', 'rows', 'offsets', 'scales', 'tokenScales', 'bias'] as const),
);

export type Int8Args = { readonly [K in keyof typeof INT8_PARAMS]: number };
type Int8Locals = { readonly [K in keyof typeof INT8_PARAMS]: Local<'i32'> };

/**
 * Runs over the rows. `block` adds one block to the sums, given the address of its values and of its activations; a block
 * has `valueBytes`, four features of the activations `featureBytes`.
 */
export function int8Rows(
  body: Body,
  { tile }: Shape,
  fused: boolean,
  { values, columns, counts, x, y, rows, offsets, scales, tokenScales, bias }: Int8Locals,
  bytes: { readonly values: number; readonly features: number },
  block: (value: Local<'i32'>, from: Local<'i32'>, sums: readonly Local<'v128'>[]) => void,
): void {
  const madd = multiplyAdd(fused);
  const row = 4 * tile;
  const shift = i32.const(Math.log2(bytes.features));
  body.range(y, i32.add(y, i32.mul(rows, i32.const(row))), row, (out) => {
    const start = body.let(splatAt(offsets));
    const sums = count(tile / 4).map(() => body.let(start));
    const end: Expr<'i32'> = i32.add(values, i32.mul(i32.load16U(counts), i32.const(bytes.values)));
    body.range(values, end, bytes.values, (at) => {
      const from = body.let(i32.add(x, i32.shl(i32.load16U(columns), shift)));
      block(at, from, sums);
      body.set(columns, offset(columns, 2));
    });
    const scale = body.let(splatAt(scales));
    const added = body.let(splatAt(bias));
    sums.forEach((sum, i) => {
      const unit = f32x4.mul(scale, v128.load(tokenScales, 16 * i));
      body.store(out, madd(f32x4.convertS(sum), unit, added), 16 * i);
    });
    body.set(values, end);
    for (const pointer of [offsets, scales, bias]) body.set(pointer, offset(pointer, 4));
    body.set(counts, offset(counts, 2));
  });
}

/** The naive twin: `value(entry, i)` and `activation(block, i, token)` are the operands, i from 0 to 3. */
export function int8RowsTwin(
  tile: number,
  { f32, i32: words, u16 }: Views,
  { columns, counts, y, rows, offsets, scales, tokenScales, bias }: Int8Args,
  value: (entry: number, i: number) => number,
  activation: (block: number, i: number, token: number) => number,
): void {
  let entry = 0;
  for (let row = 0; row < rows; row++) {
    const sums = new Float64Array(tile).fill(words[offsets / 4 + row]!);
    for (const end = entry + u16[counts / 2 + row]!; entry < end; entry++) {
      const block = u16[columns / 2 + entry]!;
      for (let token = 0; token < tile; token++)
        for (let i = 0; i < 4; i++) sums[token]! += value(entry, i) * activation(block, i, token);
    }
    for (let token = 0; token < tile; token++) {
      const unit = Math.fround(f32[scales / 4 + row]! * f32[tokenScales / 4 + token]!);
      f32[y / 4 + tile * row + token] = sums[token]! * unit + f32[bias / 4 + row]!;
    }
  }
}
