// What bytes must not be, sixteen at a time, in WebAssembly: 1 where one is.
import { words } from '../kernels/kernel.js';
import {
  type Body,
  defineFunction,
  type Expr,
  i32,
  i32x4,
  i8x16,
  type Local,
  v128,
} from '../wasm/assembler.js';

/** Sixteen bytes at a time, then what is left one by one, each in the lowest place of a vector. */
function eachVector(
  body: Body,
  { from, bytes }: { readonly from: Local<'i32'>; readonly bytes: Local<'i32'> },
  visit: (lanes: Expr<'v128'>, count: 1 | 16) => void,
): void {
  const end = body.let(i32.add(from, bytes));
  const whole = body.let(i32.add(from, i32.and(bytes, -16)));
  body.range(from, whole, 16, (at) => {
    visit(v128.load(at), 16);
  });
  body.range(whole, end, 1, (at) => {
    visit(i8x16.splat(i32.load8U(at)), 1);
  });
}

const PARAMS = words('from', 'bytes');

/** Some lane of what `test` gives is not zero, for some of the bytes. */
const any = (test: (lanes: Local<'v128'>) => Expr<'v128'>) =>
  defineFunction(PARAMS, (body, of) => {
    const found = body.let(i32x4.const(0, 0, 0, 0));
    eachVector(body, of, (lanes) => {
      body.set(found, v128.or(found, test(body.let(lanes))));
    });
    return v128.anyTrue(found);
  });

const bytesOf = (byte: number): Expr<'v128'> => i8x16.splat(byte);

/** An int8 of -128. */
export const hasLowest = any((lanes) => i8x16.eq(lanes, bytesOf(0x80)));

/** A byte with four bits that are all zero. */
export const hasEmptyNibble = any((lanes) =>
  v128.or(
    i8x16.eq(v128.and(lanes, bytesOf(0x0f)), bytesOf(0)),
    i8x16.eq(v128.and(lanes, bytesOf(0xf0)), bytesOf(0)),
  ),
);

/** An f32 that is infinite or no number. */
export const hasNoNumber = defineFunction(PARAMS, (body, { from, bytes }) => {
  const wrong = body.let(0);
  const exponent = i32.const(0x7f800000);
  body.range(from, i32.add(from, bytes), 4, (at) => {
    body.set(wrong, i32.or(wrong, i32.eq(i32.and(i32.load(at), exponent), exponent)));
  });
  return wrong;
});

/** How many bytes are 255. */
export const countEscapes = defineFunction(PARAMS, (body, of) => {
  const sum = body.let(0);
  eachVector(body, of, (lanes, count) => {
    const mask = i8x16.bitmask(i8x16.eq(lanes, bytesOf(255)));
    body.set(sum, i32.add(sum, count === 16 ? i32.popcnt(mask) : i32.and(mask, 1)));
  });
  return sum;
});
