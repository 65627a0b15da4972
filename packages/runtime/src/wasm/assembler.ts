// A small WebAssembly assembler: numeric kernels written as typed expression trees (instructions.ts) and structured loops
// (function.ts), and here the modules that they make, of bytes that code.ts writes.
import { bytesOf, type Code, section, sized, unsigned, utf8, vector } from './code.js';
import type { Params, Result, WasmFunction } from './function.js';
import type { Expr, ValueType } from './instructions.js';

export * from './instructions.js';
export * from './function.js';

export const PAGE_BYTES = 65536;

const TYPE_CODE: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };

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
