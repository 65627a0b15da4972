// Functions of structured loops and statements over typed expressions. The type of every expression is checked by TypeScript,
// so a function that compiles here also validates.
import { type Code, type Part, unsigned } from './code.js';
import { codeOf, type Expr, i32, type Local, type Operand, simd, type ValueType } from './instructions.js';

const NO_RESULT = 0x40;

const STORE_LANE_64 = simd(0x5b);
const NARROW_STORE = { 1: [0x3a, 0], 2: [0x3b, 1] } as const;

const STORE: Record<ValueType, Code> = {
  i32: [0x36, 2],
  i64: [0x37, 3],
  f32: [0x38, 2],
  f64: [0x39, 3],
  v128: [simd(0x0b), 2],
};

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
export type Result = Expr<ValueType> | void;

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
