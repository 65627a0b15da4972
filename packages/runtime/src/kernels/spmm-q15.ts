// y = W x + b of a sparse W in 16-bit fixed point: products rounded to 16 bits, sums that wrap around, converted to f32 at
// the end of a row. Rows and tokens come normalised (see q15.ts) so that no sum leaves the range.
import { defineFunction, f32x4, i16x8, i32, i32x4, relaxed, v128 } from '../wasm/assembler.js';
import {
  count,
  eachRow,
  eachRowTwin,
  kernel,
  multiplyAdd,
  ofRow,
  splatAt,
  storeAll,
  words,
} from './kernel.js';
import { UNROLL } from './spmm-f32.js';

/**
 * entries {i16 value, u16 column} [non-zeros]; order i32 [rows, 2], in units of UNROLL; x i16 [columns, tile]; y f32
 * [rows, tile]; scales f32 [rows] and tokenScales f32 [tile]: what one unit of a sum is worth; bias f32 [rows].
 */
export const spmmQ15 = kernel({
  wasm: ({ tile }, fused) =>
    defineFunction(
      words('entries', 'order', 'x', 'y', 'rows', 'scales', 'tokenScales', 'bias'),
      (body, { entries, order, x, y, rows, scales, tokenScales, bias }) => {
        const madd = multiplyAdd(fused);
        const product = fused ? relaxed.q15mulr : i16x8.q15mulrSat;
        const [row, shift] = [4 * tile, Math.log2(2 * tile)];
        const zero = i32x4.const(0, 0, 0, 0);
        eachRow(body, { order, rows }, (of, units) => {
          const sums = count(tile / 8).map(() => body.let(zero));
          const end = i32.add(entries, i32.shl(units, Math.log2(4 * UNROLL)));
          body.range(entries, end, 4 * UNROLL, (at) => {
            for (let u = 0; u < UNROLL; u++) {
              const from = body.let(i32.add(x, i32.shl(i32.load16U(at, 4 * u + 2), shift)));
              const value = body.let(v128.load16Splat(at, 4 * u));
              sums.forEach((sum, i) =>
                body.set(sum, i16x8.add(sum, product(v128.load(from, 16 * i), value))),
              );
            }
          });
          const scale = body.let(splatAt(ofRow(scales, of)));
          const start = body.let(splatAt(ofRow(bias, of)));
          const lanes = sums.flatMap((sum) => [i32x4.extendLowS(sum), i32x4.extendHighS(sum)]);
          const results = lanes.map((four, i) =>
            madd(f32x4.convertS(four), f32x4.mul(scale, v128.load(tokenScales, 16 * i)), start),
          );
          storeAll(body, body.let(i32.add(y, i32.mul(of, row))), results);
          body.set(entries, end);
        });
      },
    ),
  twin:
    ({ tile }) =>
    (memory, { entries, order, x, y, rows, scales, tokenScales, bias }) => {
      const { f32, i16, u16 } = memory;
      let entry = entries / 2;
      const sums = new Int16Array(tile); // wraps around as the kernel's lanes do
      eachRowTwin(memory, { order, rows }, (row, units) => {
        sums.fill(0);
        for (const end = entry + 2 * UNROLL * units; entry < end; entry += 2) {
          const from = x / 2 + tile * u16[entry + 1]!;
          for (let token = 0; token < tile; token++)
            sums[token]! += q15Product(i16[from + token]!, i16[entry]!);
        }
        for (let token = 0; token < tile; token++) {
          const unit = Math.fround(f32[scales / 4 + row]! * f32[tokenScales / 4 + token]!);
          f32[y / 4 + tile * row + token] = sums[token]! * unit + f32[bias / 4 + row]!;
        }
      });
    },
});

/** (a * b + 2^14) >> 15; -2^15 is never an operand. */
export const q15Product = (a: number, b: number): number => (a * b + 0x4000) >> 15;
