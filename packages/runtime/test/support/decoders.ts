// Two decoders side by side, WebAssembly and its twin, and the bytes that they have put into their memories.
import { type Decoder, wasmDecoder } from '../../src/decode/decoder.js';
import { twinDecoder } from '../../src/decode/fallback.js';
import { type Arena, createArena } from '../../src/encoder/arena.js';
import type { Linear } from '../../src/encoder/linear.js';
import { WEIGHTS_TOGETHER } from '../../src/kernels/int8-row.js';
import type { PlacedTable } from '../../src/encoder/tables.js';
import type { Level } from '../../src/kernels/kernel.js';
import type { Levels } from '../../src/kernels/program.js';

const levelsAt = (level: Level): Levels => ({ f32: level, q15: level, int8: level, block: level });

export interface Side {
  readonly arena: Arena;
  readonly decoder: Decoder;
}

/** A twin that is never asked. */
const nobody: Decoder = {
  check: fail,
  linear: fail,
  table: fail,
  vector: fail,
  file: fail,
};

function fail(): never {
  throw new Error('expected WebAssembly to decode this');
}

/** With `alone`, WebAssembly must not ask its twin. */
export function sides(level: Level, alone: boolean): readonly [Side, Side] {
  const [arena, other] = [createArena(), createArena()];
  const wasm = wasmDecoder(arena, levelsAt(level), ...(alone ? [nobody] : []));
  return [
    { arena, decoder: wasm },
    { arena: other, decoder: twinDecoder(other, levelsAt(level)) },
  ];
}

const bytesAt = ({ arena }: Side, at: number, length: number): number[] => [
  ...arena.views().u8.subarray(at, at + length),
];

/** Bytes of every place of a layer; `total` entries, padded ones among them, or blocks. */
export function layerBytes(
  side: Side,
  { form, rows, columns, at }: Linear,
  wide: boolean,
): Record<string, number[]> {
  const get = (place: number, length: number): number[] => bytesAt(side, place, length);
  if (form === 'dense') return { values: get(at.values, 8 * Math.ceil(rows / 2) * columns) };
  const order = side.arena.views().i32.subarray(at.order / 4, at.order / 4 + 2 * rows);
  const units = order.reduce((sum, word, i) => sum + (i % 2) * word, 0);
  const total = units * (form === 'quads' ? WEIGHTS_TOGETHER : 2);
  const common = { order: [...order] };
  if (form === 'q15')
    return { ...common, entries: get(at.entries, 4 * total), scales: get(at.scales, 4 * rows) };
  const places = { ...common, columns: get(at.columns, 2 * total) };
  if (form === 'f32') return { ...places, values: get(at.values, 4 * total) };
  return {
    ...places,
    values: get(at.values, (wide ? 2 : 1) * (form === 'quads' ? 1 : 4) * total),
    offsets: get(at.offsets, 4 * rows),
    scales: get(at.scales, 4 * rows),
  };
}

export function tableBytes(side: Side, { form, rows, group, at }: PlacedTable, columns: number): unknown {
  const bytes = { f32: 4 * columns, int8: columns, int4: (columns + 1) >>> 1 }[form];
  const scales = { f32: 0, int8: 1, int4: Math.ceil(columns / group) }[form];
  return {
    ...{ form, rows, group },
    table: bytesAt(side, at.table, rows * bytes),
    scales: bytesAt(side, at.scales, 4 * rows * scales),
  };
}
