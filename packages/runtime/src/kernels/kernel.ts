// What a kernel is: a function over one linear memory, emitted for a shape, with a naive twin in TypeScript over the
// same memory. The twin is what the tests and the self-test compare with, and what runs where there is no SIMD.
import {
  type Body,
  type Expr,
  f32x4,
  i16x8,
  i32,
  type Local,
  type Operand,
  type Params,
  relaxed,
  v128,
  type WasmFunction,
} from '../wasm/assembler.js';

/**
 * All that kernels are specialised by. Activations stand as [tile of tokens][feature][token]: the tokens of a tile are
 * the lanes of the vectors.
 */
export interface Shape {
  /** Tokens of a tile. */
  readonly tile: 8 | 16 | 32;
  /** Features of an attention head. */
  readonly headSize: number;
}

/**
 * Which instructions a kernel may use, best first: relaxed SIMD on a machine that adds dot products of bytes in one
 * instruction, relaxed SIMD, plain SIMD. `scalar` is the twin.
 */
export const LEVELS = ['dot', 'relaxed', 'simd', 'scalar'] as const;
export type Level = (typeof LEVELS)[number];

export type Args<P extends Params> = Readonly<Record<keyof P, number>>;

/** Parameters that are addresses or counts. */
export const words = <K extends string>(...names: readonly K[]): Readonly<Record<K, 'i32'>> =>
  Object.fromEntries(names.map((name) => [name, 'i32'])) as Record<K, 'i32'>;

/** Whether kernels may use relaxed SIMD. */
export const isRelaxed = (level: Level): boolean => level === 'dot' || level === 'relaxed';

/** A kernel bound to a memory. */
export type Run<P extends Params> = (args: Args<P>) => void;

export interface Kernel<P extends Params> {
  readonly wasm: (shape: Shape, relaxed: boolean) => WasmFunction<P, void>;
  readonly twin: (shape: Shape) => (memory: Views, args: Args<P>) => void;
}

/** Declares the type of a kernel by that of its parameters. */
export const kernel = <P extends Params>(of: Kernel<P>): Kernel<P> => of;

/** The same bytes as numbers of every width: an index is an address divided by the width. */
export interface Views {
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly i16: Int16Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly f32: Float32Array;
}

export const viewsOf = ({ buffer }: WebAssembly.Memory): Views => ({
  i8: new Int8Array(buffer),
  u8: new Uint8Array(buffer),
  i16: new Int16Array(buffer),
  u16: new Uint16Array(buffer),
  i32: new Int32Array(buffer),
  f32: new Float32Array(buffer),
});

/** a * b + c: fused where the machine can. */
export const multiplyAdd =
  (fused: boolean) =>
  (a: Expr<'v128'>, b: Expr<'v128'>, c: Expr<'v128'>): Expr<'v128'> =>
    fused ? relaxed.madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);

export const count = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);

/**
 * Tokens of a tile that are gone over together, feature by feature: enough that no sum waits for its own last addition, and a whole
 * cache line.
 */
export const tokensTogether = ({ tile }: Pick<Shape, 'tile'>): 8 | 16 => (tile === 8 ? 8 : 16);

/** Where a feature of a token stands among numbers [features / together, tile, together]. */
export const placeOf = (together: number, feature: number, token: number, tile: number): number =>
  together * (Math.floor(feature / together) * tile + token) + (feature % together);

/** a += b. */
export const increase = (body: Body, a: Local<'i32'>, b: Operand<'i32'>): void => {
  body.set(a, i32.add(a, b));
};

/** `a + bytes`. */
export const offset = (a: Expr<'i32'>, bytes: number): Expr<'i32'> => (bytes === 0 ? a : i32.add(a, bytes));

/**
 * Stores vectors side by side from `address + bytes` on, all computed first: where an engine joins neighbours to wider vectors
 * (V8's revectorization), nothing may be read between their stores.
 */
export function storeAll(
  body: Body,
  address: Expr<'i32'>,
  vectors: readonly Expr<'v128'>[],
  bytes = 0,
): void {
  const lanes = vectors.map((vector) => body.let(vector));
  lanes.forEach((lane, i) => {
    body.store(address, lane, bytes + 16 * i);
  });
}

/** Sums whose operands fit the registers beside them, and how many sums have a block of their own where there are more. */
const [FIT, FEW] = [4, 2];

/**
 * Adds to sums, where they are many in basic blocks for a few of them: where `sure`, which is never zero. The compiler of Node 20
 * loads all that a basic block reads before it computes, and would spill the operands of many sums.
 */
export function eachFew(
  body: Body,
  sure: Expr<'i32'>,
  sums: readonly Local<'v128'>[],
  add: (sum: Local<'v128'>, index: number) => void,
): void {
  if (sums.length <= FIT) sums.forEach(add);
  else
    for (let first = 0; first < sums.length; first += FEW)
      body.when(sure, () => {
        sums.slice(first, first + FEW).forEach((sum, i) => {
          add(sum, first + i);
        });
      });
}

/** Vectors of i32 lanes as half as many of i16. */
export const narrowed = (lanes: readonly Expr<'v128'>[]): Expr<'v128'>[] =>
  count(lanes.length / 2).map((i) => i16x8.narrowS(lanes[2 * i]!, lanes[2 * i + 1]!));

/** Calls back with each row of a layer and its units, in the order i32 [rows, 2] in which they stand (encoder/row-order.ts). */
export function eachRow(
  body: Body,
  { order, rows }: { readonly order: Local<'i32'>; readonly rows: Local<'i32'> },
  visit: (row: Local<'i32'>, units: Expr<'i32'>) => void,
): void {
  body.range(order, i32.add(order, i32.shl(rows, 3)), 8, (at) => {
    visit(body.let(i32.load(at)), i32.load(at, 4));
  });
}

/** eachRow for twins. */
export function eachRowTwin(
  { i32: words }: Views,
  { order, rows }: { readonly order: number; readonly rows: number },
  visit: (row: number, units: number) => void,
): void {
  for (let place = order / 4; place < order / 4 + 2 * rows; place += 2)
    visit(words[place]!, words[place + 1]!);
}

/** The address of a row's number in an array of 4 bytes each. */
export const ofRow = (array: Expr<'i32'>, row: Expr<'i32'>): Expr<'i32'> => i32.add(array, i32.shl(row, 2));

/** A float in all four lanes. */
export const floats = (value: number): Expr<'v128'> => f32x4.const(new Float32Array(4).fill(value));

/** The largest of the four lanes in all of them. */
export const largestLane = (vector: Local<'v128'>): Expr<'v128'> =>
  count(4)
    .map((lane) => f32x4.splat(f32x4.extractLane(vector, lane)))
    .reduce((a, b) => f32x4.pmax(a, b));

/** The number at `address + bytes` in all four lanes. */
export const splatAt = (address: Expr<'i32'>, bytes = 0): Expr<'v128'> => v128.load32Splat(address, bytes);
