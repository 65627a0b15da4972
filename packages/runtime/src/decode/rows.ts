// Rows of a sparse layer on their way to where they stand, in WebAssembly.
import { type Body, i32, type Local, type Operand } from '../wasm/assembler.js';

/** Rows of counts u16 [rows], and the address at which the entries of each stand, of so many bytes, by starts i32 [rows]. */
export function eachCount(
  body: Body,
  { counts, starts, rows, out }: Readonly<Record<'counts' | 'starts' | 'rows' | 'out', Local<'i32'>>>,
  bytes: Operand<'i32'>,
  visit: (count: Local<'i32'>, to: Local<'i32'>) => void,
): void {
  body.range(counts, i32.add(counts, i32.shl(rows, 1)), 2, (at) => {
    visit(body.let(i32.load16U(at)), body.let(i32.add(out, i32.mul(i32.load(starts), bytes))));
    body.set(starts, i32.add(starts, 4));
  });
}
