// The instructions that our kernels use, as typed expressions (core specification 2.0, with 128-bit SIMD, and relaxed SIMD);
// another one is a line in the tables below.
import { type Code, signed, SIMD, unsigned } from './code.js';

export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

/** Code that leaves one value of type `T` on the stack. Used twice, it is computed twice: see `Body.let`. */
export interface Expr<T extends ValueType> {
  readonly type: T;
  readonly code: Code;
}

/** What an instruction takes: a whole number stands for `i32.const` of it. */
export type Operand<T extends ValueType> = Expr<T> | (T extends 'i32' ? number : never);

/** A parameter or local variable; as an expression it reads the variable. */
export interface Local<T extends ValueType> extends Expr<T> {
  readonly index: number;
}

export const simd = (opcode: number): number => SIMD + opcode;

export const codeOf = (operand: Expr<ValueType> | number): Code =>
  typeof operand === 'number' ? [0x41, signed(operand)] : operand.code;

const unary =
  <A extends ValueType, R extends ValueType>(_operand: A, type: R, opcode: number) =>
  (a: Operand<A>): Expr<R> => ({ type, code: [codeOf(a), opcode] });

const binary =
  <T extends ValueType>(type: T, opcode: number) =>
  (a: Operand<T>, b: Operand<T>): Expr<T> => ({ type, code: [codeOf(a), codeOf(b), opcode] });

const ternary =
  (opcode: number) =>
  (a: Expr<'v128'>, b: Expr<'v128'>, c: Expr<'v128'>): Expr<'v128'> => ({
    type: 'v128',
    code: [a.code, b.code, c.code, opcode],
  });

const load =
  <T extends ValueType>(type: T, opcode: number, align: number) =>
  (address: Operand<'i32'>, offset = 0): Expr<T> => ({
    type,
    code: [codeOf(address), opcode, align, unsigned(offset)],
  });

const shift =
  (opcode: number) =>
  (a: Expr<'v128'>, bits: number): Expr<'v128'> => ({
    type: 'v128',
    code: [a.code, codeOf(bits), opcode],
  });

const lane =
  <R extends ValueType>(type: R, opcode: number) =>
  (a: Expr<'v128'>, index: number): Expr<R> => ({ type, code: [a.code, opcode, index] });

const VECTOR_CONST = simd(0x0c);

const vectorConst = (lanes: Int32Array | Float32Array): Expr<'v128'> => ({
  type: 'v128',
  code: [VECTOR_CONST, [...new Uint8Array(lanes.buffer)]],
});

export const i32 = {
  const: (value: number): Expr<'i32'> => ({ type: 'i32', code: codeOf(value) }),
  load: load('i32', 0x28, 2),
  load8S: load('i32', 0x2c, 0),
  load8U: load('i32', 0x2d, 0),
  load16U: load('i32', 0x2f, 1),
  eqz: unary('i32', 'i32', 0x45),
  eq: binary('i32', 0x46),
  ltU: binary('i32', 0x49),
  add: binary('i32', 0x6a),
  sub: binary('i32', 0x6b),
  mul: binary('i32', 0x6c),
  divU: binary('i32', 0x6e),
  and: binary('i32', 0x71),
  or: binary('i32', 0x72),
  xor: binary('i32', 0x73),
  shl: binary('i32', 0x74),
  shrU: binary('i32', 0x76),
  popcnt: unary('i32', 'i32', 0x69),
  /** The smaller of two unsigned numbers; both are computed twice. */
  minU: (a: Operand<'i32'>, b: Operand<'i32'>): Expr<'i32'> => select(i32.ltU(a, b), a, b),
};

export const i64 = {
  /** At any address. */
  load: load('i64', 0x29, 0),
  /** By the lowest six bits of `bits`. */
  shrU: binary('i64', 0x88),
  /** The lower half. */
  wrap: unary('i64', 'i32', 0xa7),
  extendU: unary('i32', 'i64', 0xad),
};

/** `a` where `condition` is not zero, otherwise `b`; both are computed. */
export const select = (condition: Operand<'i32'>, a: Operand<'i32'>, b: Operand<'i32'>): Expr<'i32'> => ({
  type: 'i32',
  code: [codeOf(a), codeOf(b), codeOf(condition), 0x1b],
});

export const f32 = {
  const: (value: number): Expr<'f32'> => ({
    type: 'f32',
    code: [0x43, ...new Uint8Array(Float32Array.of(value).buffer)],
  }),
  load: load('f32', 0x2a, 2),
  add: binary('f32', 0x92),
  mul: binary('f32', 0x94),
  div: binary('f32', 0x95),
  convertS: unary('i32', 'f32', 0xb2),
  convertU: unary('i32', 'f32', 0xb3),
  demote: unary('f64', 'f32', 0xb6),
};

export const f64 = {
  const: (value: number): Expr<'f64'> => ({
    type: 'f64',
    code: [0x44, ...new Uint8Array(Float64Array.of(value).buffer)],
  }),
  sqrt: unary('f64', 'f64', 0x9f),
  add: binary('f64', 0xa0),
  sub: binary('f64', 0xa1),
  mul: binary('f64', 0xa2),
  div: binary('f64', 0xa3),
  min: binary('f64', 0xa4),
  convertU: unary('i32', 'f64', 0xb8),
  promote: unary('f32', 'f64', 0xbb),
};

export const v128 = {
  load: load('v128', simd(0x00), 2),
  /** Two or four bytes into every lane of their width. */
  load16Splat: load('v128', simd(0x08), 1),
  load32Splat: load('v128', simd(0x09), 2),
  /** Four bytes into the lowest lane, the rest zero. */
  load32Zero: load('v128', simd(0x5c), 0),
  /** Eight bytes into the lower half, the rest zero. */
  load64Zero: load('v128', simd(0x5d), 0),
  and: binary('v128', simd(0x4e)),
  /** `a & ~b`. */
  andNot: binary('v128', simd(0x4f)),
  or: binary('v128', simd(0x50)),
  xor: binary('v128', simd(0x51)),
  anyTrue: unary('v128', 'i32', simd(0x53)),
};

const SHUFFLE = simd(0x0d);

export const i8x16 = {
  /** The bytes at these 16 places of `a`, and from 16 on of `b`. */
  shuffle: (a: Expr<'v128'>, places: readonly number[], b = a): Expr<'v128'> => ({
    type: 'v128',
    code: [a.code, b.code, SHUFFLE, places],
  }),
  /** For every place in `places` the byte of `a` there; zero where there is none. */
  swizzle: binary('v128', simd(0x0e)),
  splat: unary('i32', 'v128', simd(0x0f)),
  eq: binary('v128', simd(0x23)),
  /** The highest bit of every lane. */
  bitmask: unary('v128', 'i32', simd(0x64)),
  /** Two vectors of i16 lanes into one, saturated. */
  narrowS: binary('v128', simd(0x65)),
};

export const i16x8 = {
  splat: unary('i32', 'v128', simd(0x10)),
  extractLaneU: lane('i32', simd(0x19)),
  eq: binary('v128', simd(0x2d)),
  geU: binary('v128', simd(0x36)),
  shl: shift(simd(0x8b)),
  /** (a * b + 2^14) >> 15, saturated: the product of two fixed-point numbers below 1. */
  q15mulrSat: binary('v128', simd(0x82)),
  /** Two vectors of i32 lanes into one, saturated. */
  narrowS: binary('v128', simd(0x85)),
  extendLowS: unary('v128', 'v128', simd(0x87)),
  extendLowU: unary('v128', 'v128', simd(0x89)),
  /** Wraps around. */
  add: binary('v128', simd(0x8e)),
};

export const i32x4 = {
  const: (a: number, b: number, c: number, d: number) => vectorConst(Int32Array.of(a, b, c, d)),
  splat: unary('i32', 'v128', simd(0x11)),
  extractLane: lane('i32', simd(0x1b)),
  ne: binary('v128', simd(0x38)),
  gtS: binary('v128', simd(0x3b)),
  extendLowS: unary('v128', 'v128', simd(0xa7)),
  extendHighS: unary('v128', 'v128', simd(0xa8)),
  extendLowU: unary('v128', 'v128', simd(0xa9)),
  extendHighU: unary('v128', 'v128', simd(0xaa)),
  shrU: shift(simd(0xad)),
  add: binary('v128', simd(0xae)),
  sub: binary('v128', simd(0xb1)),
  mul: binary('v128', simd(0xb5)),
  shl: shift(simd(0xab)),
  /** Sums of products of neighbouring i16 lanes. */
  dot: binary('v128', simd(0xba)),
};

export const f32x4 = {
  const: vectorConst,
  splat: unary('f32', 'v128', simd(0x13)),
  extractLane: lane('f32', simd(0x1f)),
  ne: binary('v128', simd(0x42)),
  lt: binary('v128', simd(0x43)),
  abs: unary('v128', 'v128', simd(0xe0)),
  neg: unary('v128', 'v128', simd(0xe1)),
  sqrt: unary('v128', 'v128', simd(0xe3)),
  add: binary('v128', simd(0xe4)),
  sub: binary('v128', simd(0xe5)),
  mul: binary('v128', simd(0xe6)),
  div: binary('v128', simd(0xe7)),
  /** `b < a ? b : a`, one machine instruction; `min` would take several for NaN and signed zeros. */
  pmin: binary('v128', simd(0xea)),
  /** `a < b ? b : a`. */
  pmax: binary('v128', simd(0xeb)),
  convertS: unary('v128', 'v128', simd(0xfa)),
};

export const i64x2 = {
  shl: shift(simd(0xcb)),
};

export const f64x2 = {
  splat: unary('f64', 'v128', simd(0x14)),
  extractLane: lane('f64', simd(0x21)),
  /** The two lowest f32 lanes as f64. */
  promoteLow: unary('v128', 'v128', simd(0x5f)),
  add: binary('v128', simd(0xf0)),
  mul: binary('v128', simd(0xf2)),
};

/**
 * The relaxed-SIMD extension: one machine instruction each, whose results may differ between machines within what is
 * said here. Engines that lack it refuse the whole module.
 */
export const relaxed = {
  /** a * b + c, rounded once or twice. */
  madd: ternary(simd(0x105)),
  /** As `i16x8.q15mulrSat` but for -1 * -1. */
  q15mulr: binary('v128', simd(0x111)),
  /** i16 sums of products of neighbouring i8 lanes of `a` and lanes 0 to 127 of `b`. */
  dotI8x16: binary('v128', simd(0x112)),
  /** i32 sums of products of four neighbouring i8 lanes of `a` and lanes 0 to 127 of `b`, added to `c`. */
  dotAddI8x16: ternary(simd(0x113)),
};
