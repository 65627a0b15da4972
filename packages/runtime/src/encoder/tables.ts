// Embedding tables in the memory, and rows of them into the lanes of a tile.
import type { Bank } from '../kernels/program.js';
import { type Arena, placeFloats } from './arena.js';
import { RuntimeError } from './errors.js';
import type { Table } from './weights.js';

/** A table in the memory: plain numbers, the same for every thread. */
export interface PlacedTable {
  readonly form: Table['form'];
  readonly rows: number;
  readonly at: { readonly table: number; readonly scales: number };
  /** Features that share a scale, of int4; otherwise not read. */
  readonly group: number;
}

function placeValues(arena: Arena, table: Table): number {
  const at = arena.place(table.values.byteLength);
  const { f32, i8, u8 } = arena.views();
  if (table.form === 'f32') f32.set(table.values, at / 4);
  else if (table.form === 'int8') i8.set(table.values, at);
  else u8.set(table.values, at);
  return at;
}

/** Checks the table and copies it; `name` is what messages call it. */
export function placeTable(arena: Arena, name: string, table: Table, hidden: number): PlacedTable {
  const { form, rows, values } = table;
  const group = form === 'int4' ? table.group : 1;
  const expect = (what: string, expected: number, found: number): void => {
    if (expected !== found)
      throw new RuntimeError(
        'weights',
        `${name}: expected ${expected} ${what}, found ${found}; the weights are damaged, make them anew`,
      );
  };
  expect(
    form === 'int4' ? 'bytes' : 'values',
    rows * (form === 'int4' ? Math.ceil(hidden / 2) : hidden),
    values.length,
  );
  if (form === 'int8') expect('scales', rows, table.scales.length);
  if (form === 'int4') expect('scales', rows * Math.ceil(hidden / group), table.scales.length);
  const scales = form === 'f32' ? 0 : placeFloats(arena, table.scales);
  return { form, rows, at: { table: placeValues(arena, table), scales }, group };
}

export const GATHER = { f32: 'gatherF32', int8: 'gatherInt8', int4: 'gatherInt4' } as const;

/** y f32 [features, tile] += a row for each of the first `tokens` lanes; `rows` is the address of their numbers. */
export function addRows(
  bank: Bank,
  { form, at, group }: PlacedTable,
  of: { readonly rows: number; readonly tokens: number; readonly y: number; readonly features: number },
): void {
  bank[GATHER[form]]({ ...at, group, ...of });
}
