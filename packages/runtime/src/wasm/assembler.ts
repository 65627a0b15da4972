// A small WebAssembly assembler: numeric kernels written as typed expression trees and structured loops.
// Follows the WebAssembly core specification 2.0 (binary format, with 128-bit SIMD). It covers the
// instructions our kernels use; another one is a line in the tables below. The type of every expression is
// checked by TypeScript, so a module that compiles here also validates.

export type ValueType = 'i32' | 'f32' | 'f64' | 'v128';

const TYPE_CODE: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const NO_RESULT = 0x40;
export const PAGE_BYTES = 65536;

/**
 * Bytes, in order, as a tree: an expression holds its operands', and nothing is copied before a module is assembled. Where code
 * stands by name its size comes before it.
 */
type Code = readonly Part[];
type Part = number | Code | { readonly code: Code };

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

// ---- encodings -------------------------------------------------------------------------------------------

/** Unsigned LEB128 of 0 <= n < 2^32. */
const unsigned = (n: number): Part => (n < 0x80 ? n : [(n & 0x7f) | 0x80, unsigned(n >>> 7)]);

/** Signed LEB128 of a 32-bit integer. */
const signed = (n: number): Part => (n >= -0x40 && n < 0x40 ? n & 0x7f : [(n & 0x7f) | 0x80, signed(n >> 7)]);

const utf8 = (text: string): Code => vector([...new TextEncoder().encode(text)]);

/** The bytes of `code` after their number. */
const sized = (code: Code): Code => [{ code }];

const vector = (items: Code): Code => [unsigned(items.length), items];

const section = (id: number, content: Code): Code => [id, sized(content)];

/** Bytes of a number that is written when it is known: LEB128 may be longer than it need be. */
const SIZE_BYTES = 5;

/** Added to the opcodes of vector instructions: a number of code is a byte or one of them. */
const SIMD = 0xfd000;

/** Writes the bytes of a tree from `at` on, as far as there is room; returns where they end. */
function flatten(code: Code, bytes: Uint8Array, at: number): number {
  // By index: twice as fast as an iterator in code that runs once, before it is compiled.
  for (let k = 0; k < code.length; k++) {
    const part = code[k]!;
    if (typeof part === 'number') {
      if (part >= SIMD) {
        bytes[at++] = 0xfd;
        bytes[at++] = part < SIMD + 0x80 ? part : part | 0x80;
        if (part >= SIMD + 0x80) bytes[at++] = (part - SIMD) >>> 7;
      } else bytes[at++] = part;
    } else if (part instanceof Array) at = flatten(part, bytes, at);
    else {
      const start = at + SIZE_BYTES;
      const end = flatten(part.code, bytes, start);
      for (let i = 0; i < SIZE_BYTES; i++)
        bytes[at++] = (((end - start) >>> (7 * i)) & 0x7f) | (i < SIZE_BYTES - 1 ? 0x80 : 0);
      at = end;
    }
  }
  return at;
}

/** Enough for most modules. */
const USUAL_BYTES = 1 << 16;

/** The bytes of a tree. */
function bytesOf(code: Code): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(USUAL_BYTES);
  const length = flatten(code, bytes, 0);
  if (length <= bytes.length) return bytes.subarray(0, length);
  const longer = new Uint8Array(length);
  flatten(code, longer, 0);
  return longer;
}

// ---- instructions ----------------------------------------------------------------------------------------

const simd = (opcode: number): number => SIMD + opcode;

const codeOf = (operand: Expr<ValueType> | number): Code =>
  typeof operand === 'number' ? [0x41, signed(operand)] : operand.code;

const unary =
  <A extends ValueType, R extends ValueType>(_operand: A, type: R, opcode: number) =>
  (a: Operand<A>): Expr<R> => ({ type, code: [codeOf(a), opcode] });

const binary =
  <T extends ValueType>(type: T, opcode: number) =>
  (a: Operand<T>, b: Operand<T>): Expr<T> => ({ type, code: [codeOf(a), codeOf(b), opcode] });

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
  leU: binary('i32', 0x4d),
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
  /** Two vectors of i16 lanes into one, saturated to i8 or u8. */
  narrowS: binary('v128', simd(0x65)),
  narrowU: binary('v128', simd(0x66)),
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
  mul: binary('v128', simd(0x95)),
  maxS: binary('v128', simd(0x98)),
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

const MULTIPLY_ADD = simd(0x105);
const DOT_ADD = simd(0x113);

/**
 * The relaxed-SIMD extension: one machine instruction each, whose results may differ between machines within what is
 * said here. Engines that lack it refuse the whole module.
 */
export const relaxed = {
  /** a * b + c, rounded once or twice. */
  madd: (a: Expr<'v128'>, b: Expr<'v128'>, c: Expr<'v128'>): Expr<'v128'> => ({
    type: 'v128',
    code: [a.code, b.code, c.code, MULTIPLY_ADD],
  }),
  /** As `i16x8.q15mulrSat` but for -1 * -1. */
  q15mulr: binary('v128', simd(0x111)),
  /** i16 sums of products of neighbouring i8 lanes of `a` and lanes 0 to 127 of `b`. */
  dotI8x16: binary('v128', simd(0x112)),
  /** i32 sums of products of four neighbouring i8 lanes of `a` and lanes 0 to 127 of `b`, added to `c`. */
  dotAddI8x16: (a: Expr<'v128'>, b: Expr<'v128'>, c: Expr<'v128'>): Expr<'v128'> => ({
    type: 'v128',
    code: [a.code, b.code, c.code, DOT_ADD],
  }),
};

const STORE_LANE_64 = simd(0x5b);
const NARROW_STORE = { 1: [0x3a, 0], 2: [0x3b, 1] } as const;

const STORE: Record<ValueType, Code> = {
  i32: [0x36, 2],
  f32: [0x38, 2],
  f64: [0x39, 3],
  v128: [simd(0x0b), 2],
};

// ---- functions -------------------------------------------------------------------------------------------

/** The statements of a function under construction, appended in order. */
export interface Body {
  /** A fresh variable that holds `value` from here on; inside a loop it is set anew in every turn. */
  let<T extends ValueType>(value: Expr<T>): Local<T>;
  let(value: Operand<'i32'>): Local<'i32'>;
  set<T extends ValueType>(variable: Local<T>, value: Operand<T>): void;
  /** Stores `value` at `address + offset` (bytes), in the width of its type. */
  store(address: Expr<'i32'>, value: Expr<ValueType>, offset?: number): void;
  /** Stores the lower eight bytes of `value` at `address + offset`. */
  storeHalf(address: Expr<'i32'>, value: Expr<'v128'>, offset?: number): void;
  /** Stores the lowest bytes of `value` at `address + offset`. */
  storeLow(bytes: 1 | 2, address: Expr<'i32'>, value: Operand<'i32'>, offset?: number): void;
  /** As long as `condition` is not zero, asked before every turn. */
  while(condition: Expr<'i32'>, statements: () => void): void;
  /** Where `condition` is not zero. */
  when(condition: Expr<'i32'>, statements: () => void): void;
  /** For i = from; i < to; i += step, compared as unsigned. `to + step` must not pass 2^32. */
  range(from: Operand<'i32'>, to: Operand<'i32'>, step: number, statements: (i: Local<'i32'>) => void): void;
}

export type Params = Readonly<Record<string, ValueType>>;
type Locals<P extends Params> = { readonly [K in keyof P]: Local<P[K]> };
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a builder without a return statement returns void
type Result = Expr<ValueType> | void;

/** A finished function: `P` its parameters by name, in order; `R` what its builder returned. */
export interface WasmFunction<P extends Params, R extends Result> {
  readonly params: P;
  readonly result: R;
  readonly locals: readonly ValueType[];
  readonly code: Code;
}

/** Builds a function. `build` writes its statements; the expression it returns, if any, is the result. */
export function defineFunction<P extends Params, R extends Result>(
  params: P,
  build: (body: Body, params: Locals<P>) => R,
): WasmFunction<P, R> {
  const code: Part[] = [];
  const locals: ValueType[] = [];
  const paramCount = Object.keys(params).length;

  const local = <T extends ValueType>(type: T, index: number): Local<T> => ({
    type,
    index,
    code: [0x20, unsigned(index)],
  });
  const set: Body['set'] = (variable, value) => {
    code.push(codeOf(value), 0x21, unsigned(variable.index));
  };
  const body: Body = {
    let: ((value: Expr<ValueType> | number) => {
      const type = typeof value === 'number' ? 'i32' : value.type;
      const variable = local(type, paramCount + locals.push(type) - 1);
      set(variable, value as Expr<ValueType>);
      return variable;
    }) as Body['let'],
    set,
    store: (address, value, offset = 0) => {
      code.push(address.code, value.code, STORE[value.type], unsigned(offset));
    },
    storeHalf: (address, value, offset = 0) => {
      code.push(address.code, value.code, STORE_LANE_64, 0, unsigned(offset), 0);
    },
    storeLow: (bytes, address, value, offset = 0) => {
      code.push(address.code, codeOf(value), NARROW_STORE[bytes], unsigned(offset));
    },
    while: (condition, statements) => {
      body.when(condition, () => {
        code.push(0x03, NO_RESULT); // loop
        statements();
        code.push(condition.code, 0x0d, 0, 0x0b); // br_if to the loop, end
      });
    },
    when: (condition, statements) => {
      code.push(condition.code, 0x04, NO_RESULT); // if
      statements();
      code.push(0x0b);
    },
    range: (from, to, step, statements) => {
      const i = body.let(from);
      const end = body.let(to);
      body.while(i32.ltU(i, end), () => {
        statements(i);
        set(i, i32.add(i, step));
      });
    },
  };
  const args = Object.fromEntries(
    Object.entries(params).map(([name, type], index) => [name, local(type, index)]),
  ) as Locals<P>;
  const result = build(body, args);
  if (result) code.push(result.code);
  return { params, result, locals, code };
}

// ---- modules ---------------------------------------------------------------------------------------------

type AnyFunction = WasmFunction<Params, Result>;

/** A call with named arguments: i32 addresses and counts, or floats rounded to the parameter's type. */
export type Call<F extends AnyFunction> = (
  args: Readonly<Record<keyof F['params'], number>>,
) => F['result'] extends Expr<ValueType> ? number : undefined;

export type Calls<F extends Record<string, AnyFunction>> = { readonly [K in keyof F]: Call<F[K]> };

/** Most pages that a memory can have. */
export const MOST_PAGES = 65536;

/** The binary module that imports `env.memory`, of any size, and exports every function under its key. */
export function assemble(functions: Record<string, AnyFunction>, shared = false): Uint8Array<ArrayBuffer> {
  const limits: Code = shared ? [0x03, 0x00, unsigned(MOST_PAGES)] : [0x00, 0x00];
  const list = Object.values(functions);
  const types = list.map(({ params, result }) => [
    0x60,
    vector(Object.values(params).map((type) => TYPE_CODE[type])),
    vector(result ? [TYPE_CODE[result.type]] : []),
  ]);
  const bodies = list.map(({ locals, code }) =>
    sized([vector(locals.map((type) => [1, TYPE_CODE[type]])), code, 0x0b]),
  );
  const module: Code = [
    [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // "\0asm", version 1
    section(1, vector(types)),
    section(2, vector([[utf8('env'), utf8('memory'), 0x02, limits]])),
    section(3, vector(list.map((_, index) => unsigned(index)))),
    section(7, vector(Object.keys(functions).map((key, i) => [utf8(key), 0x00, unsigned(i)]))),
    section(10, vector(bodies)),
  ];
  return bytesOf(module);
}

/** Compiles `functions` once; the returned function binds them to a memory, as often as needed. */
export function compile<F extends Record<string, AnyFunction>>(
  functions: F,
  shared = false,
): (memory: WebAssembly.Memory) => Calls<F> {
  const module = new WebAssembly.Module(assemble(functions, shared));
  return (memory) => {
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    const calls = Object.entries(functions).map(([key, { params }]) => {
      const names = Object.keys(params);
      const run = exports[key] as (...args: number[]) => number;
      return [key, (args: Record<string, number>) => run(...names.map((name) => args[name]!))];
    });
    return Object.fromEntries(calls) as Calls<F>;
  };
}

/** A memory of at least `bytes`, which never grows. */
export function allocate(bytes: number): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}
