// Rows of an embedding table, added to the lanes of a tile: y[., lane] += table[rows[lane], .].
import { type Body, defineFunction, type Expr, f32, i32, type Local } from '../wasm/assembler.js';
import { kernel, type Kernel, offset, type Shape, type Views, words } from './kernel.js';

const PARAMS = words('table', 'scales', 'rows', 'tokens', 'y', 'features', 'group');
type Gather = Kernel<typeof PARAMS>;
type Args = { readonly [K in keyof typeof PARAMS]: number };

interface Row {
  /** Number of the row. */
  readonly row: Local<'i32'>;
  /** Address of the lane's first feature. */
  readonly out: Local<'i32'>;
}

/** Adds to a feature and moves on to the next. */
function addTo(body: Body, { tile }: Shape, out: Local<'i32'>, value: Expr<'f32'>): void {
  body.store(out, f32.add(f32.load(out), value));
  body.set(out, offset(out, 4 * tile));
}

/** Calls `add` for the row of every lane. */
const gather =
  (
    add: (
      body: Body,
      shape: Shape,
      params: { readonly [K in keyof typeof PARAMS]: Local<'i32'> },
      row: Row,
    ) => void,
  ) =>
  (shape: Shape) =>
    defineFunction(PARAMS, (body, params) => {
      const end = i32.add(params.rows, i32.shl(params.tokens, 2));
      const first = body.let(params.y);
      body.range(params.rows, end, 4, (at) => {
        const out = body.let(first);
        add(body, shape, params, { row: body.let(i32.load(at)), out });
        body.set(first, offset(first, 4));
      });
    });

const gatherTwin =
  (value: (memory: Views, args: Args, row: number, feature: number) => number): Gather['twin'] =>
  ({ tile }) =>
  (memory, args) => {
    for (let lane = 0; lane < args.tokens; lane++) {
      const row = memory.i32[args.rows / 4 + lane]!;
      for (let i = 0; i < args.features; i++)
        memory.f32[args.y / 4 + i * tile + lane]! += value(memory, args, row, i);
    }
  };

/**
 * table f32 [., features]; rows i32 [tokens], the row of each of the first `tokens` lanes; y f32 [features, tile]. `scales`
 * and `group` are not read.
 */
export const gatherF32 = kernel({
  wasm: gather((body, shape, { table, features }, { row, out }) => {
    const bytes = body.let(i32.shl(features, 2));
    const from = body.let(i32.add(table, i32.mul(row, bytes)));
    body.range(from, i32.add(from, bytes), 4, (at) => {
      addTo(body, shape, out, f32.load(at));
    });
  }),
  twin: gatherTwin(({ f32 }, { table, features }, row, i) => f32[table / 4 + row * features + i]!),
});

/** As gatherF32, but table i8 [., features] and scales f32, one a row. */
export const gatherInt8 = kernel({
  wasm: gather((body, shape, { table, scales, features }, { row, out }) => {
    const from = body.let(i32.add(table, i32.mul(row, features)));
    const scale = body.let(f32.load(i32.add(scales, i32.shl(row, 2))));
    body.range(from, i32.add(from, features), 1, (at) => {
      addTo(body, shape, out, f32.mul(f32.convertS(i32.load8S(at)), scale));
    });
  }),
  twin: gatherTwin(
    ({ i8, f32 }, { table, scales, features }, row, i) =>
      i8[table + row * features + i]! * f32[scales / 4 + row]!,
  ),
});

/**
 * As gatherF32, but table u8 [., ceil(features / 2)], each byte two features less 8, the first in its lower half; scales
 * f32, one for every `group` features of a row, the last of a row perhaps for fewer.
 */
export const gatherInt4 = kernel({
  wasm: gather((body, shape, { table, scales, features, group }, { row, out }) => {
    const bytes = body.let(i32.shrU(offset(features, 1), 1));
    const groups = body.let(i32.divU(i32.sub(i32.add(features, group), 1), group));
    const from = body.let(i32.add(table, i32.mul(row, bytes)));
    const scale = body.let(i32.add(scales, i32.mul(i32.mul(row, groups), 4)));
    const left = body.let(group);
    body.range(0, features, 1, (feature) => {
      const byte = i32.load8U(i32.add(from, i32.shrU(feature, 1)));
      const shift = i32.shl(i32.and(feature, 1), 2);
      const value = i32.sub(i32.and(i32.shrU(byte, shift), 15), 8);
      addTo(body, shape, out, f32.mul(f32.convertS(value), f32.load(scale)));
      // After the last feature of a group, the next scale and a full group again.
      body.set(left, offset(left, -1));
      const done = body.let(i32.eqz(left));
      body.set(scale, i32.add(scale, i32.shl(done, 2)));
      body.set(left, i32.add(left, i32.mul(done, group)));
    });
  }),
  twin: gatherTwin(({ u8, f32 }, { table, scales, features, group }, row, i) => {
    const byte = u8[table + row * Math.ceil(features / 2) + (i >> 1)]!;
    const scale = f32[scales / 4 + row * Math.ceil(features / group) + Math.floor(i / group)]!;
    return (((byte >> (4 * (i & 1))) & 15) - 8) * scale;
  }),
});
