// y = W x + b of a sparse W in f32. Rows are runs of values and of u16 columns, padded to an even count; a row's sums over
// all tokens of the tile stay in registers.
import { defineFunction, i32, v128 } from '../wasm/assembler.js';
import { count, eachRow, eachRowTwin, kernel, multiplyAdd, offset, ofRow, splatAt, words } from './kernel.js';

/** Non-zeros that one turn of the inner loop takes: every row has a multiple of them. */
export const UNROLL = 2;

/**
 * values f32 and columns u16, [non-zeros]; order i32 [rows, 2], in units of UNROLL; x f32 [columns, tile]; y f32
 * [rows, tile]; bias f32 [rows].
 */
export const spmmF32 = kernel({
  wasm: ({ tile }, fused) =>
    defineFunction(
      words('values', 'columns', 'order', 'x', 'y', 'rows', 'bias'),
      (body, { values, columns, order, x, y, rows, bias }) => {
        const madd = multiplyAdd(fused);
        const row = 4 * tile;
        const shift = Math.log2(row);
        eachRow(body, { order, rows }, (of, units) => {
          const start = body.let(splatAt(ofRow(bias, of)));
          const sums = count(tile / 4).map(() => body.let(start));
          const end = i32.add(values, i32.shl(units, Math.log2(4 * UNROLL)));
          body.range(values, end, 4 * UNROLL, (at) => {
            for (let u = 0; u < UNROLL; u++) {
              const from = body.let(i32.add(x, i32.shl(i32.load16U(columns, 2 * u), shift)));
              const value = body.let(splatAt(at, 4 * u));
              sums.forEach((sum, i) => body.set(sum, madd(v128.load(from, 16 * i), value, sum)));
            }
            body.set(columns, offset(columns, 2 * UNROLL));
          });
          body.set(values, end);
          const out = body.let(i32.add(y, i32.shl(of, shift)));
          sums.forEach((sum, i) => body.store(out, sum, 16 * i));
        });
      },
    ),
  twin:
    ({ tile }) =>
    (memory, { values, columns, order, x, y, rows, bias }) => {
      const { f32, u16 } = memory;
      let entry = 0;
      eachRowTwin(memory, { order, rows }, (row, units) => {
        const sums = new Float64Array(tile).fill(f32[bias / 4 + row]!);
        for (const end = entry + UNROLL * units; entry < end; entry++) {
          const from = x / 4 + tile * u16[columns / 2 + entry]!;
          const value = f32[values / 4 + entry]!;
          for (let token = 0; token < tile; token++) sums[token]! += value * f32[from + token]!;
        }
        f32.set(sums, y / 4 + tile * row);
      });
    },
});
