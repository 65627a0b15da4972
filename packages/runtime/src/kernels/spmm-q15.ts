// y = W x + b of a sparse W in 16-bit fixed point: products rounded to 16 bits, sums that wrap around, converted to f32 at
// the end of a row. Rows and tokens come normalised (see q15.ts) so that no sum leaves the range.
import { defineFunction, f32x4, i16x8, i32, i32x4, relaxed, v128 } from '../wasm/assembler.js';
import { count, kernel, multiplyAdd, offset, splatAt, storeAll, words } from './kernel.js';
import { UNROLL } from './spmm-f32.js';

/**
 * entries {i16 value, u16 column} [non-zeros]; counts u16 [rows], in units of UNROLL; x i16 [columns, tile]; y f32
 * [rows, tile]; scales f32 [rows] and tokenScales f32 [tile]: what one unit of a sum is worth; bias f32 [rows].
 */
export const spmmQ15 = kernel({
  wasm: ({ tile }, fused) =>
    defineFunction(
      words('entries', 'counts', 'x', 'y', 'rows', 'scales', 'tokenScales', 'bias'),
      (body, { entries, counts, x, y, rows, scales, tokenScales, bias }) => {
        const madd = multiplyAdd(fused);
        const product = fused ? relaxed.q15mulr : i16x8.q15mulrSat;
        const [row, shift] = [4 * tile, Math.log2(2 * tile)];
        const zero = i32x4.const(0, 0, 0, 0);
        body.range(y, i32.add(y, i32.mul(rows, row)), row, (out) => {
          const sums = count(tile / 8).map(() => body.let(zero));
          const end = i32.add(entries, i32.shl(i32.load16U(counts), Math.log2(4 * UNROLL)));
          body.range(entries, end, 4 * UNROLL, (at) => {
            for (let u = 0; u < UNROLL; u++) {
              const from = body.let(i32.add(x, i32.shl(i32.load16U(at, 4 * u + 2), shift)));
              const value = body.let(v128.load16Splat(at, 4 * u));
              sums.forEach((sum, i) =>
                body.set(sum, i16x8.add(sum, product(v128.load(from, 16 * i), value))),
              );
            }
          });
          const scale = body.let(splatAt(scales));
          const start = body.let(splatAt(bias));
          const lanes = sums.flatMap((sum) => [i32x4.extendLowS(sum), i32x4.extendHighS(sum)]);
          const results = lanes.map((of, i) =>
            madd(f32x4.convertS(of), f32x4.mul(scale, v128.load(tokenScales, 16 * i)), start),
          );
          storeAll(body, out, results);
          body.set(entries, end);
          body.set(counts, offset(counts, 2));
          body.set(scales, offset(scales, 4));
          body.set(bias, offset(bias, 4));
        });
      },
    ),
  twin:
    ({ tile }) =>
    ({ f32, i16, u16 }, { entries, counts, x, y, rows, scales, tokenScales, bias }) => {
      let entry = entries / 2;
      const sums = new Int16Array(tile); // wraps around as the kernel's lanes do
      for (let row = 0; row < rows; row++) {
        sums.fill(0);
        for (const end = entry + 2 * UNROLL * u16[counts / 2 + row]!; entry < end; entry += 2) {
          const from = x / 2 + tile * u16[entry + 1]!;
          for (let token = 0; token < tile; token++)
            sums[token]! += q15Product(i16[from + token]!, i16[entry]!);
        }
        for (let token = 0; token < tile; token++) {
          const unit = Math.fround(f32[scales / 4 + row]! * f32[tokenScales / 4 + token]!);
          f32[y / 4 + tile * row + token] = sums[token]! * unit + f32[bias / 4 + row]!;
        }
      }
    },
});

/** (a * b + 2^14) >> 15; -2^15 is never an operand. */
export const q15Product = (a: number, b: number): number => (a * b + 0x4000) >> 15;
