// The outer loops that the int8 kernels share: i32 sums of a row over the tokens of a tile, two blocks of four weights at a time,
// converted to f32 at the row's end.
import { type Body, type Expr, f32x4, i32, i32x4, type Local, v128 } from '../wasm/assembler.js';
import {
  count,
  eachRow,
  eachRowTwin,
  type Kernel,
  multiplyAdd,
  offset,
  ofRow,
  placeOf,
  type Shape,
  splatAt,
  storeAll,
  words,
} from './kernel.js';

/** Blocks that are added together. */
export const BLOCKS_TOGETHER = 2;
/** Weights of them. */
export const WEIGHTS_TOGETHER = 4 * BLOCKS_TOGETHER;

export const INT8_PARAMS = words(
  ...(['values', 'columns', 'order', 'x', 'y', 'rows', 'offsets', 'scales', 'tokenScales', 'bias'] as const),
);

type Int8Locals = { readonly [K in keyof typeof INT8_PARAMS]: Local<'i32'> };

/** What blocks have: bytes of values, columns (one, unless said), and bytes of the activations of what a column stands for. */
interface BlockSizes {
  readonly values: number;
  readonly columns?: number;
  readonly features: number;
}

/** Adds blocks to the sums, given the address of their values and those of their activations. */
export type AddBlocks = (
  value: Local<'i32'>,
  from: readonly Local<'i32'>[],
  sums: readonly Local<'v128'>[],
) => void;

/**
 * Runs over the rows. With
 * `apart` each block has sums of its own, one after the other, which are added at the row's end.
 */
export function int8Rows(
  body: Body,
  { tile }: Shape,
  fused: boolean,
  { values, columns, order, x, y, rows, offsets, scales, tokenScales, bias }: Int8Locals,
  bytes: BlockSizes,
  add: AddBlocks,
  apart = false,
): void {
  const madd = multiplyAdd(fused);
  const row = 4 * tile;
  const shift = Math.log2(bytes.features);
  const step = BLOCKS_TOGETHER * bytes.values;
  const taken = BLOCKS_TOGETHER * (bytes.columns ?? 1);
  eachRow(body, { order, rows }, (of, units) => {
    const end: Expr<'i32'> = body.let(i32.add(values, i32.mul(units, step)));
    const start = body.let(splatAt(ofRow(offsets, of)));
    const sums = count(tile / 4).map(() => body.let(start));
    const others = apart ? sums.map(() => body.let(i32x4.splat(0))) : [];
    body.range(values, end, step, (at) => {
      const from = count(taken).map((i) => body.let(i32.add(x, i32.shl(i32.load16U(columns, 2 * i), shift))));
      add(at, from, [...sums, ...others]);
      body.set(columns, offset(columns, 2 * taken));
    });
    const scale = body.let(splatAt(ofRow(scales, of)));
    const added = body.let(splatAt(ofRow(bias, of)));
    const totals = sums.map((sum, i) => (apart ? i32x4.add(sum, others[i]!) : sum));
    const results = totals.map((sum, i) =>
      madd(f32x4.convertS(sum), f32x4.mul(scale, v128.load(tokenScales, 16 * i)), added),
    );
    storeAll(body, body.let(i32.add(y, i32.mul(of, row))), results);
    body.set(values, end);
  });
}

/**
 * The naive twin: values are i16 and activations too where `wide`, otherwise i8 and u8. A block has so many `columns`: of four each is a
 * feature, apart from the others; one is four features, which stand together, or two and two where `wide`.
 */
export const int8RowsTwin =
  ({
    wide,
    columns: taken,
  }: {
    readonly wide: boolean;
    readonly columns: 1 | 4;
  }): Kernel<typeof INT8_PARAMS>['twin'] =>
  ({ tile }) =>
  (memory, args) => {
    const { f32, i8, u8, i16, i32: words, u16 } = memory;
    const { values, columns, x, y, offsets, scales, tokenScales, bias } = args;
    const [weights, activations] = wide
      ? [i16.subarray(values / 2), i16.subarray(x / 2)]
      : [i8.subarray(values), u8.subarray(x)];
    const together = taken === 4 ? 1 : wide ? 2 : 4;
    let block = 0;
    eachRowTwin(memory, args, (row, units) => {
      const sums = new Float64Array(tile).fill(words[offsets / 4 + row]!);
      for (const end = block + BLOCKS_TOGETHER * units; block < end; block++)
        for (let i = 0; i < 4; i++) {
          const column = u16[columns / 2 + taken * block + (i % taken)]!;
          const feature = taken === 4 ? column : 4 * column + i;
          for (let token = 0; token < tile; token++)
            sums[token]! += weights[4 * block + i]! * activations[placeOf(together, feature, token, tile)]!;
        }
      for (let token = 0; token < tile; token++) {
        const unit = Math.fround(f32[scales / 4 + row]! * f32[tokenScales / 4 + token]!);
        f32[y / 4 + tile * row + token] = sums[token]! * unit + f32[bias / 4 + row]!;
      }
    });
  };
